//! Sums over states: `gram.wgsl`, `gradient.wgsl` and `response.wgsl`, in f32 or f64.

use bytemuck::Pod;

use super::device::{Device, DeviceResult, Failure};
use super::shaders::{self, DOUBLE, ProductParams, SINGLE, Shader};
use super::sizes::Pace;
use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::states::States;

/// Rows and columns of a workgroup's tile.
const TILE: usize = 16;

/// The precision of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// f32, on every device. Not for anything that a weight update rests on.
    Single,
    /// f64, on devices that have it.
    Double,
}

/// A type that shaders calculate in.
trait Real: Pod {
    const PRELUDE: &'static str;
    fn of(value: f64) -> Self;
    fn value(self) -> f64;
}

impl Real for f32 {
    const PRELUDE: &'static str = SINGLE;
    fn of(value: f64) -> Self {
        value as f32
    }
    fn value(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const PRELUDE: &'static str = DOUBLE;
    fn of(value: f64) -> Self {
        value
    }
    fn value(self) -> f64 {
        self
    }
}

/// `G_st`, C-ordered `[states, states]` (Hz⁴); see [`crate::solve::direct::gram_matrix`].
pub(super) fn gram(device: &Device, states: &States, precision: Precision) -> DeviceResult<Vec<f64>> {
    match precision {
        Precision::Single => gram_in::<f32>(device, states),
        Precision::Double => gram_in::<f64>(device, states),
    }
}

/// `Σ_s α_s r_s r_sᵀ` without its diagonal; see [`crate::solve::direct::weight_gradient`].
pub(super) fn gradient(
    device: &Device,
    states: &States,
    alpha: &[f64],
    precision: Precision,
) -> DeviceResult<WeightMatrix> {
    match precision {
        Precision::Single => gradient_in::<f32>(device, states, alpha),
        Precision::Double => gradient_in::<f64>(device, states, alpha),
    }
}

/// `½(r_sᵀ X r_s − Σ_i X_ii r_si²)`; see [`crate::solve::direct::response`].
pub(super) fn response(
    device: &Device,
    weights: &WeightMatrix,
    states: &States,
    precision: Precision,
) -> DeviceResult<Vec<f64>> {
    match precision {
        Precision::Single => response_in::<f32>(device, weights, states),
        Precision::Double => response_in::<f64>(device, weights, states),
    }
}

/// One product on the device.
struct Product<'a> {
    device: &'a Device,
    shader: Shader,
    params: ProductParams,
    rates: wgpu::Buffer,
}

impl<'a> Product<'a> {
    fn new<R: Real>(
        device: &'a Device,
        shader: fn(shaders::Constants) -> Shader,
        states: &States,
    ) -> DeviceResult<Self> {
        if size_of::<R>() == 8 && !device.has_f64() {
            return Err(Failure::Refused("it cannot calculate in f64; choose f32".to_owned()));
        }
        let shader = Shader { prelude: R::PRELUDE, ..shader(Vec::new()) };
        let params = ProductParams {
            neurons: states.neurons() as u32,
            states: states.len() as u32,
            first: 0,
            rows: 0,
        };
        let rates = upload::<R>(device, "rates", states.to_dense().into_iter())?;
        Ok(Self { device, shader, params, rates })
    }

    /// Runs over `rows` rows of length `length` in tiles that fit the device and its watchdog; returns all rows.
    fn by_rows<R: Real>(&self, rows: usize, length: usize, inputs: &[&wgpu::Buffer]) -> DeviceResult<Vec<R>> {
        let device = self.device;
        let most = (binding(device) / (length * size_of::<R>()).max(1) / TILE * TILE)
            .clamp(TILE, rows.next_multiple_of(TILE).max(TILE));
        let uniform = device.uniform("product", &self.params)?;
        let tile = device.empty("tile", (most.min(rows) * length * size_of::<R>()) as u64)?;
        let pipeline = device.pipeline(&self.shader)?;
        let mut buffers = vec![&uniform, &self.rates];
        buffers.extend(inputs);
        buffers.push(&tile);
        let bindings = device.bind(&pipeline, &buffers)?;
        let mut pace = Pace::new(TILE, most);
        let (mut all, mut first) = (Vec::with_capacity(rows * length), 0);
        while first < rows {
            let count = (pace.amount() / TILE * TILE).max(TILE).min(rows - first);
            let params = ProductParams { first: first as u32, rows: count as u32, ..self.params };
            device.write(&uniform, &[params])?;
            let grid = [length.div_ceil(TILE) as u32, count.div_ceil(TILE) as u32, 1];
            let took = device.run(&pipeline, &bindings, grid)?;
            pace.learn(count, took);
            all.extend(device.read::<R>(&tile, count * length)?);
            first += count;
        }
        Ok(all)
    }
}

/// Bytes that one binding may have.
fn binding(device: &Device) -> usize {
    let limits = device.limits();
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) as usize
}

fn upload<R: Real>(
    device: &Device,
    label: &str,
    values: impl Iterator<Item = f64>,
) -> DeviceResult<wgpu::Buffer> {
    let values: Vec<R> = values.map(R::of).collect();
    let (need, most) = (size_of_val(values.as_slice()), binding(device));
    if need > most {
        return Err(Failure::Refused(format!(
            "{label}: {} MiB, and the device binds at most {} MiB at once",
            need >> 20,
            most >> 20
        )));
    }
    device.storage(label, &values)
}

fn gram_in<R: Real>(device: &Device, states: &States) -> DeviceResult<Vec<f64>> {
    let product = Product::new::<R>(device, shaders::gram, states)?;
    let rows = product.by_rows::<R>(states.len(), states.len(), &[])?;
    Ok(rows.into_iter().map(R::value).collect())
}

fn gradient_in<R: Real>(device: &Device, states: &States, alpha: &[f64]) -> DeviceResult<WeightMatrix> {
    let product = Product::new::<R>(device, shaders::gradient, states)?;
    let alpha = upload::<R>(device, "factors", alpha.iter().copied())?;
    let neurons = states.neurons();
    let rows = product.by_rows::<R>(neurons, neurons, &[&alpha])?;
    let mut sum = WeightMatrix::zeros(neurons);
    for i in 0..neurons {
        // The device's own upper triangle differs by rounding; the matrix is to be symmetric to the bit.
        for j in 0..i {
            let value = rows[i * neurons + j].value();
            sum.row_mut(i)[j] = value;
            sum.row_mut(j)[i] = value;
        }
    }
    Ok(sum)
}

fn response_in<R: Real>(device: &Device, weights: &WeightMatrix, states: &States) -> DeviceResult<Vec<f64>> {
    let product = Product::new::<R>(device, shaders::response, states)?;
    let (neurons, count) = (states.neurons(), states.len());
    let pipeline = device.pipeline(&product.shader)?;
    let uniform = device.uniform("product", &product.params)?;
    let responses = upload::<R>(device, "responses", std::iter::repeat_n(0.0, count))?;
    let most = (binding(device) / (neurons * size_of::<R>()).max(1)).clamp(1, neurons.max(1));
    let mut pace = Pace::new(TILE, most);
    let mut first = 0;
    while first < neurons {
        let rows = pace.amount().min(neurons - first);
        let part = (first..first + rows).flat_map(|i| weights.row(i)[..neurons].iter().copied());
        let part = upload::<R>(device, "rows of the weight change", part)?;
        let params = ProductParams { first: first as u32, rows: rows as u32, ..product.params };
        device.write(&uniform, &[params])?;
        let bindings = device.bind(&pipeline, &[&uniform, &product.rates, &part, &responses])?;
        let took = device.run(&pipeline, &bindings, [count as u32, 1, 1])?;
        pace.learn(rows, took);
        first += rows;
    }
    Ok(device.read::<R>(&responses, count)?.into_iter().map(R::value).collect())
}
