//! Compiles kernels as the program does, and says what came out: HLSL and Metal texts are written, and the Vulkan driver
//! that is there makes machine code of the SPIR-V.
//!
//! `isa FOLDER`: every `*.wgsl` in it, whose entry point has the name before the first dot. Prints a table of registers,
//! spills, scratch memory, workgroup memory, waves and instructions. Ends with 1 if a kernel spills, uses scratch memory, or
//! takes more than ten seconds to compile.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::CStr;
use std::path::Path;
use std::time::{Duration, Instant};

use ash::{khr, vk};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Longer than this nobody waits for a kernel.
const LONGEST: Duration = Duration::from_secs(10);

/// What RADV calls its statistics, and what the table calls them.
const COLUMNS: [(&str, &str); 10] = [
    ("VGPRs", "vector registers"),
    ("Spilled VGPRs", "spilled"),
    ("Scratch size", "scratch, B"),
    ("LDS size", "workgroup memory, B"),
    ("Subgroups per SIMD", "waves per SIMD"),
    ("Instructions", "instructions"),
    ("VALU", "vector"),
    ("SALU", "scalar"),
    ("VMEM", "memory"),
    ("Branches", "branches"),
];

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1).ok_or("usage: isa FOLDER")?;
    let mut files: Vec<_> = std::fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<Outcome<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wgsl"));
    files.sort();
    let driver = Driver::open()?;
    println!("compiled for {}", driver.name);
    println!("| kernel | compiled in | {} |", COLUMNS.map(|(_, shown)| shown).join(" | "));
    println!("|{}", "---|".repeat(COLUMNS.len() + 2));
    let mut bad = Vec::new();
    for file in &files {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).ok_or("a name that is no text")?;
        let entry = stem.split('.').next().unwrap_or(stem);
        let (module, info) = parse(file)?;
        translate(&module, &info, entry)?;
        let words = spirv(&module, &info, entry)?;
        let (statistics, took) = driver.compile(&words, entry, bindings(&module))?;
        let value = |(name, _): (&str, &str)| statistics.get(name).map_or("-".to_owned(), u64::to_string);
        let values = COLUMNS.map(value);
        println!("| {stem} | {:.2} s | {} |", took.as_secs_f64(), values.join(" | "));
        if took > LONGEST {
            bad.push(format!("{stem} took {took:?} to compile"));
        }
        for (name, count) in &statistics {
            let name = name.to_lowercase();
            if (name.contains("spill") || name.contains("scratch")) && *count > 0 {
                bad.push(format!("{stem}: {name} {count}"));
            }
        }
    }
    if files.is_empty() || !bad.is_empty() {
        return Err(format!("{} kernels; {}", files.len(), bad.join("; ")).into());
    }
    Ok(())
}

fn parse(file: &Path) -> Outcome<(naga::Module, ModuleInfo)> {
    let text = std::fs::read_to_string(file)?;
    let module = naga::front::wgsl::parse_str(&text).map_err(|error| error.emit_to_string(&text))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module)?;
    Ok((module, info))
}

/// Writes the texts for DX12 and Metal; that they can be written is the result.
fn translate(module: &naga::Module, info: &ModuleInfo, entry: &str) -> Outcome<()> {
    let options = naga::back::hlsl::Options::default();
    let pipeline = naga::back::hlsl::PipelineOptions::default();
    let mut text = String::new();
    naga::back::hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None)?;
    let options = naga::back::msl::Options { zero_initialize_workgroup_memory: false, ..Default::default() };
    let (metal, _) = naga::back::msl::write_string(module, info, &options, &Default::default())?;
    for text in [&text, &metal] {
        if !text.contains(entry) {
            return Err(format!("{entry} is missing in a translation").into());
        }
    }
    Ok(())
}

fn spirv(module: &naga::Module, info: &ModuleInfo, entry: &str) -> Outcome<Vec<u32>> {
    use naga::back::spv;
    let options = spv::Options {
        lang_version: (1, 3),
        flags: spv::WriterFlags::empty(),
        // As wgpu asks for, on a driver whose buffers check their own bounds.
        bounds_check_policies: naga::proc::BoundsCheckPolicies {
            index: naga::proc::BoundsCheckPolicy::Restrict,
            ..Default::default()
        },
        // As the program: every kernel writes its workgroup memory before it reads it.
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..Default::default()
    };
    let pipeline =
        spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point: entry.to_owned() };
    Ok(spv::write_vec(module, info, &options, Some(&pipeline))?)
}

/// Number of each binding, and whether it is a uniform buffer.
fn bindings(module: &naga::Module) -> BTreeMap<u32, bool> {
    let bound = module.global_variables.iter().filter_map(|(_, variable)| {
        let binding = variable.binding?.binding;
        Some((binding, variable.space == naga::AddressSpace::Uniform))
    });
    bound.collect()
}

/// A Vulkan device, of which only the compiler is used.
struct Driver {
    name: String,
    device: ash::Device,
    executables: khr::pipeline_executable_properties::Device,
    // What the device came from, kept for as long as it is used.
    _instance: ash::Instance,
    _entry: ash::Entry,
}

impl Driver {
    fn open() -> Outcome<Self> {
        // SAFETY: calls of Vulkan with structures that live as long as the call, in the order that the specification asks for.
        unsafe {
            let entry = ash::Entry::load()?;
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let create = vk::InstanceCreateInfo::default().application_info(&application);
            let instance = entry.create_instance(&create, None)?;
            let adapter = *instance.enumerate_physical_devices()?.first().ok_or("no Vulkan device")?;
            let properties = instance.get_physical_device_properties(adapter);
            let name = CStr::from_ptr(properties.device_name.as_ptr()).to_string_lossy().into_owned();
            let queue = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
            let extensions = [khr::pipeline_executable_properties::NAME.as_ptr()];
            let mut wanted =
                vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
            let mut memory = vk::PhysicalDeviceVulkan12Features::default().vulkan_memory_model(true);
            let create = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queue)
                .enabled_extension_names(&extensions)
                .push_next(&mut memory)
                .push_next(&mut wanted);
            let device = instance.create_device(adapter, &create, None)?;
            let executables = khr::pipeline_executable_properties::Device::new(&instance, &device);
            Ok(Self { name, device, executables, _instance: instance, _entry: entry })
        }
    }

    /// The compiler's statistics, and how long it took.
    fn compile(
        &self,
        words: &[u32],
        entry: &str,
        bindings: BTreeMap<u32, bool>,
    ) -> Outcome<(BTreeMap<String, u64>, Duration)> {
        let entry = std::ffi::CString::new(entry)?;
        let layout: Vec<vk::DescriptorSetLayoutBinding<'_>> = bindings
            .into_iter()
            .map(|(binding, is_uniform)| {
                let kind = if is_uniform {
                    vk::DescriptorType::UNIFORM_BUFFER
                } else {
                    vk::DescriptorType::STORAGE_BUFFER
                };
                vk::DescriptorSetLayoutBinding::default()
                    .binding(binding)
                    .descriptor_type(kind)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        // SAFETY: as above; what is created lives until the process ends, a few kernels later.
        unsafe {
            let sets = [self.device.create_descriptor_set_layout(
                &vk::DescriptorSetLayoutCreateInfo::default().bindings(&layout),
                None,
            )?];
            let layout = self
                .device
                .create_pipeline_layout(&vk::PipelineLayoutCreateInfo::default().set_layouts(&sets), None)?;
            let module =
                self.device.create_shader_module(&vk::ShaderModuleCreateInfo::default().code(words), None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(&entry);
            let create = vk::ComputePipelineCreateInfo::default()
                .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR)
                .stage(stage)
                .layout(layout);
            let began = Instant::now();
            let pipelines = self
                .device
                .create_compute_pipelines(vk::PipelineCache::null(), &[create], None)
                .map_err(|(_, error)| error)?;
            let took = began.elapsed();
            let which = vk::PipelineExecutableInfoKHR::default().pipeline(pipelines[0]).executable_index(0);
            let statistics = self.executables.get_pipeline_executable_statistics(&which)?;
            let number = |statistic: &vk::PipelineExecutableStatisticKHR<'_>| {
                let name = CStr::from_ptr(statistic.name.as_ptr()).to_string_lossy().into_owned();
                let value = match statistic.format {
                    vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => statistic.value.f64 as u64,
                    _ => statistic.value.u64,
                };
                (name, value)
            };
            Ok((statistics.iter().map(number).collect(), took))
        }
    }
}
