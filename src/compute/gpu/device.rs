//! One GPU: which there are, which is taken, and the few things done with it. No framework.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytemuck::Pod;
use serde::Serialize;

use super::counts::{Counted, Counts, thread_time};
use super::shaders::Shader;

/// Why a piece of work on the device did not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The device is gone: unplugged, reset by the driver's watchdog, or destroyed.
    Lost(String),
    /// The device has no memory left.
    OutOfMemory(String),
    /// The driver refused something: a repetition would not help.
    Refused(String),
}

impl Failure {
    /// Whether the same work may succeed on a new device.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Failure::Refused(_))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Lost(why) => write!(f, "the device was lost ({why})"),
            Failure::OutOfMemory(why) => write!(f, "the device ran out of memory ({why})"),
            Failure::Refused(why) => write!(f, "the driver refused the work ({why})"),
        }
    }
}

/// How long a thread takes at most to hand over what its wait has brought for another: it goes on at once, unless the machine is
/// busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same for the news that the device is lost, without which a failure is the work's own; every refusal takes as long.
const NEWS: Duration = Duration::from_millis(50);

/// Results of work on a device.
pub type DeviceResult<T> = std::result::Result<T, Failure>;

/// All adapters that the machine's drivers offer.
pub(super) fn adapters() -> Vec<wgpu::Adapter> {
    let mut description = wgpu::InstanceDescriptor::new_without_display_handle();
    // Validation layers of the system would print to the terminal; wgpu validates by itself.
    description.flags = wgpu::InstanceFlags::empty();
    let backends = wgpu::Backends::PRIMARY;
    description.backends = backends;
    pollster::block_on(wgpu::Instance::new(description).enumerate_adapters(backends))
}

/// Kinds of devices, in the order in which they are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A GPU with its own memory.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU behind a virtual machine.
    Virtual,
    /// The driver does not say.
    Unknown,
    /// A software driver: correct, but slower than the CPU path.
    Software,
}

impl DeviceKind {
    /// Whether `auto` would think of it.
    pub fn is_hardware(self) -> bool {
        self < DeviceKind::Unknown
    }
}

/// Circumstances that tests impose on a device.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Bind at most this many bytes at once, if the device would bind more.
    pub most_binding: Option<u64>,
    /// Let a workgroup have at most this much memory (bytes).
    pub most_workgroup_memory: Option<u32>,
    /// Let a workgroup have at most so many threads.
    pub most_threads: Option<u32>,
    /// Fill buffers of unspecified content with NaN.
    pub poison: bool,
    /// What the adapter is said to be.
    pub claims: Option<DeviceKind>,
    /// Destroy the device after that many submissions, the device that replaces it after the second number, and so on.
    pub destroy_after: Vec<u64>,
}

/// A shader to run, with its buffers, over a grid of workgroups.
pub struct Dispatch<'a> {
    /// The compiled shader.
    pub pipeline: &'a wgpu::ComputePipeline,
    /// Its buffers.
    pub bindings: &'a wgpu::BindGroup,
    /// Workgroups along each axis.
    pub workgroups: [u32; 3],
}

/// An opened device with its queue and compiled shaders.
pub struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
    limits: wgpu::Limits,
    poison: bool,
    /// What was reported outside of all calls.
    stray: Arc<Mutex<Option<Failure>>>,
    /// Why the device is gone, once it is.
    lost: Arc<OnceLock<String>>,
    pipelines: Mutex<HashMap<String, wgpu::ComputePipeline>>,
    /// Submissions until the device is destroyed on purpose; `u64::MAX` for never.
    fuse: AtomicU64,
    counts: Arc<Counts>,
}

impl Device {
    /// Opens a device with all that its adapter can do.
    pub(super) fn open(
        adapter: &wgpu::Adapter,
        conditions: &Conditions,
        counts: Arc<Counts>,
    ) -> DeviceResult<Self> {
        let mut limits = adapter.limits();
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("flatscape"),
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        }))
        .map_err(|error| Failure::Refused(error.to_string()))?;
        let stray = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&stray);
        device.on_uncaptured_error(Arc::new(move |error| {
            slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(Failure::from(error));
        }));
        let most = conditions.most_binding.unwrap_or(u64::MAX);
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(most);
        let impose = |limit: &mut u32, most: Option<u32>| *limit = (*limit).min(most.unwrap_or(u32::MAX));
        impose(&mut limits.max_compute_workgroup_storage_size, conditions.most_workgroup_memory);
        impose(&mut limits.max_compute_invocations_per_workgroup, conditions.most_threads);
        let lost = Arc::new(OnceLock::new());
        let slot = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            slot.get_or_init(|| format!("{reason:?}: {message}"));
        });
        Ok(Self {
            device,
            queue,
            limits,
            poison: conditions.poison,
            stray,
            lost,
            pipelines: Mutex::default(),
            fuse: AtomicU64::new(u64::MAX),
            counts,
        })
    }

    /// The adapter's own limits.
    pub fn limits(&self) -> &wgpu::Limits {
        &self.limits
    }

    /// Destroys the device after this many more submissions: for tests of how a lost device is replaced.
    pub(super) fn destroy_after(&self, submissions: u64) {
        self.fuse.store(submissions, Ordering::Relaxed);
    }

    /// A buffer that shaders read and write, filled with `data`.
    pub fn storage<T: Pod>(&self, label: &str, data: &[T]) -> DeviceResult<wgpu::Buffer> {
        let bytes = bytemuck::cast_slice(data);
        let buffer = self.empty(label, bytes.len() as u64)?;
        self.scoped(|| self.queue.write_buffer(&buffer, 0, bytes))?;
        Ok(buffer)
    }

    /// A buffer of unspecified content that shaders read and write.
    pub fn empty(&self, label: &str, bytes: u64) -> DeviceResult<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = self.create(label, bytes, usage)?;
        if self.poison {
            self.queue.write_buffer(&buffer, 0, &vec![0xff; buffer.size() as usize]);
        }
        Ok(buffer)
    }

    /// A buffer with the parameters of a shader.
    pub fn uniform<T: Pod>(&self, label: &str, value: &T) -> DeviceResult<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = self.create(label, size_of::<T>() as u64, usage)?;
        self.write(&buffer, std::slice::from_ref(value))?;
        Ok(buffer)
    }

    /// Overwrites the beginning of a buffer.
    pub fn write<T: Pod>(&self, buffer: &wgpu::Buffer, data: &[T]) -> DeviceResult<()> {
        self.scoped(|| self.queue.write_buffer(buffer, 0, bytemuck::cast_slice(data)))
    }

    fn create(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> DeviceResult<wgpu::Buffer> {
        // An empty array has no binding; one element that nobody reads stands for it.
        let size = bytes.max(16).next_multiple_of(4);
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        match self.scoped(|| self.device.create_buffer(&descriptor)) {
            Err(Failure::OutOfMemory(why)) => {
                Err(Failure::OutOfMemory(format!("{label}: {} MiB; {why}", size >> 20)))
            }
            created => created,
        }
    }

    /// The compiled shader, from memory if it was compiled before.
    pub fn pipeline(&self, shader: &Shader) -> DeviceResult<wgpu::ComputePipeline> {
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(&shader.key()) {
            return Ok(pipeline.clone());
        }
        let text = wgpu::ShaderModuleDescriptor {
            label: Some(shader.name),
            source: wgpu::ShaderSource::Wgsl(shader.source().into()),
        };
        let module = self.scoped(|| self.device.create_shader_module(text))?;
        let descriptor = wgpu::ComputePipelineDescriptor {
            label: Some(shader.name),
            layout: None,
            module: &module,
            entry_point: Some(shader.name),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        };
        let pipeline = self.scoped(|| self.device.create_compute_pipeline(&descriptor))?;
        pipelines.insert(shader.key(), pipeline.clone());
        Ok(pipeline)
    }

    /// Binds `buffers` to the bindings `0..` of group 0.
    pub fn bind(
        &self,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[&wgpu::Buffer],
    ) -> DeviceResult<wgpu::BindGroup> {
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        self.scoped(|| {
            self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            })
        })
    }

    /// Runs a shader over a grid of workgroups, waits for its end, and says how long that took.
    pub fn run(
        &self,
        pipeline: &wgpu::ComputePipeline,
        bindings: &wgpu::BindGroup,
        workgroups: [u32; 3],
    ) -> DeviceResult<Duration> {
        self.run_all(&[Dispatch { pipeline, bindings, workgroups }])
    }

    /// Runs shaders one after the other in one submission, waits for its end, and says how long that took. Those that touch
    /// other buffers may run at the same time.
    pub fn run_all(&self, dispatches: &[Dispatch<'_>]) -> DeviceResult<Duration> {
        let began = Instant::now();
        self.submit(|encoder| {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for dispatch in dispatches {
                pass.set_pipeline(dispatch.pipeline);
                pass.set_bind_group(0, dispatch.bindings, &[]);
                let [x, y, z] = dispatch.workgroups;
                pass.dispatch_workgroups(x, y, z);
                let workgroups = u64::from(x) * u64::from(y) * u64::from(z);
                self.count(Counted { dispatches: 1, workgroups, ..Counted::default() });
            }
        })?;
        Ok(began.elapsed())
    }

    /// What was counted on this device and those that it replaced.
    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Adds to what was counted.
    pub(super) fn count(&self, more: Counted) {
        self.counts.add(more);
    }

    /// Does a thread's share of the host's work for minima, and counts what it takes.
    pub(super) fn on_host<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = thread_time();
        let value = work();
        let host_seconds = (thread_time() - began).as_secs_f64();
        self.count(Counted { host_seconds, ..Counted::default() });
        value
    }

    /// Submits what `encode` asks for, and waits until everything submitted is done.
    fn submit(&self, encode: impl FnOnce(&mut wgpu::CommandEncoder)) -> DeviceResult<()> {
        self.scoped(|| {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encode(&mut encoder);
            if self.fuse.fetch_sub(1, Ordering::Relaxed) == 0 {
                self.device.destroy();
            }
            self.queue.submit([encoder.finish()]);
        })?;
        self.wait()
    }

    /// Waits until everything submitted is done.
    fn wait(&self) -> DeviceResult<()> {
        let polled = self.scoped(|| self.device.poll(wgpu::PollType::wait_indefinitely()))?;
        polled.map(|_| ()).map_err(|error| Failure::Lost(error.to_string()))
    }

    /// Copies the first `count` elements of a buffer to the host.
    pub fn read<T: Pod>(&self, buffer: &wgpu::Buffer, count: usize) -> DeviceResult<Vec<T>> {
        let bytes = (count * size_of::<T>()) as u64;
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let size = bytes.next_multiple_of(4);
        let staging = self.create("read back", size, usage)?;
        self.submit(|encoder| encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, size))?;
        let (sender, receiver) = std::sync::mpsc::channel();
        self.scoped(|| {
            staging.slice(..).map_async(wgpu::MapMode::Read, move |outcome| {
                // The receiver is gone only if something failed before it was asked, and then nobody asks.
                drop(sender.send(outcome));
            });
        })?;
        self.wait()?;
        let lost = |why: &dyn std::fmt::Display| Failure::Lost(why.to_string());
        // Another thread that waits too may have taken this news along and be about to tell it.
        match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(lost(&error)),
            Err(error) => return Err(lost(&error)),
        }
        let view = staging.slice(..).get_mapped_range().map_err(|error| lost(&error))?;
        let values = view[..bytes as usize].chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned);
        Ok(values.collect())
    }

    /// Does something with the device; fails with what the driver reports of it. Scopes belong to threads, so that two
    /// workers on one device never see each other's failures. A lost device explains all others, and stays.
    fn scoped<T>(&self, work: impl FnOnce() -> T) -> DeviceResult<T> {
        let filters =
            [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Internal];
        let [validation, memory, internal] = filters.map(|filter| self.device.push_error_scope(filter));
        let value = work();
        // In reverse order.
        let errors = [internal, memory, validation].map(|scope| pollster::block_on(scope.pop()));
        let stray = self.stray.lock().unwrap_or_else(PoisonError::into_inner).take();
        let failure = errors.into_iter().flatten().next().map(Failure::from).or(stray);
        if failure.is_some() {
            // The news that the device is lost may still wait for somebody to ask; so may its own failure to be asked.
            drop(self.device.poll(wgpu::PollType::Poll));
            // Another thread may have asked first, and be about to write down what it heard.
            let began = Instant::now();
            while self.lost.get().is_none() && began.elapsed() < NEWS {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        match (self.lost.get(), failure) {
            (Some(why), _) => Err(Failure::Lost(why.clone())),
            (None, Some(failure)) => Err(failure),
            (None, None) => Ok(value),
        }
    }
}

impl From<wgpu::Error> for Failure {
    fn from(error: wgpu::Error) -> Self {
        match error {
            wgpu::Error::OutOfMemory { source } => Failure::OutOfMemory(source.to_string()),
            other => Failure::Refused(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::adapter;
    use super::*;

    #[test]
    fn a_thread_hears_of_its_own_failures_only() {
        let conditions = Conditions::default();
        let (_, device) = match adapter::open(None, &conditions) {
            Ok(opened) => opened,
            Err(why) if std::env::var("FLATSCAPE_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{why}"),
            // Without an adapter there is nothing to test; tests/gpu.rs says so.
            Err(_) => return,
        };
        let too_large = device.limits().max_buffer_size + 4;
        std::thread::scope(|scope| {
            let failing = scope.spawn(|| (0..100).all(|_| device.empty("too large", too_large).is_err()));
            let sound = scope.spawn(|| (0..100).all(|_| device.storage("small", &[1.0_f32; 64]).is_ok()));
            assert!(failing.join().unwrap() && sound.join().unwrap());
        });
    }
}
