//! W on the device.

use super::device::{Device, DeviceResult};
use super::shaders::{self, PermuteParams};
use super::sizes::DeviceSizes;
use crate::connectivity::matrix::WeightMatrix;

/// W in f32, rows padded to `DeviceSizes::stride`, in as many buffers as the device's bindings require.
pub(super) struct DeviceWeights {
    parts: Vec<wgpu::Buffer>,
}

impl DeviceWeights {
    pub(super) fn upload(device: &Device, sizes: &DeviceSizes, weights: &WeightMatrix) -> DeviceResult<Self> {
        let mut parts = Vec::with_capacity(sizes.parts);
        for part in 0..sizes.parts {
            let first = part * sizes.rows_per_part;
            let rows = sizes.rows_per_part.min(sizes.neurons - first);
            let mut values = vec![0f32; rows * sizes.stride];
            for (i, row) in values.chunks_exact_mut(sizes.stride).enumerate() {
                for (to, &from) in row.iter_mut().zip(&weights.row(first + i)[..sizes.neurons]) {
                    *to = from as f32;
                }
            }
            parts.push(device.storage("weights", &values)?);
        }
        Ok(Self { parts })
    }

    /// W with its rows and columns in another order: the neuron at each place.
    pub(super) fn permuted(
        &self,
        device: &Device,
        sizes: &DeviceSizes,
        neuron_at: &[u32],
    ) -> DeviceResult<Self> {
        let pipeline = device.pipeline(&shaders::permute(sizes.permute_constants()))?;
        let neuron_at = device.storage("neurons by place", neuron_at)?;
        let mut parts = Vec::with_capacity(sizes.parts);
        for part in 0..sizes.parts {
            let first = part * sizes.rows_per_part;
            let rows = sizes.rows_per_part.min(sizes.neurons - first);
            let params =
                PermuteParams { neurons: sizes.neurons as u32, first: first as u32, adds: 0, is_hollow: 0 };
            let uniform = device.uniform("permute", &params)?;
            let permuted = device.empty("weights in order", (4 * rows * sizes.stride) as u64)?;
            let [w0, w1, w2, w3] = self.parts();
            let bindings = device.bind(&pipeline, &[&uniform, w0, w1, w2, w3, &neuron_at, &permuted])?;
            device.run(&pipeline, &bindings, [rows as u32, 1, 1])?;
            parts.push(permuted);
        }
        Ok(Self { parts })
    }

    /// The four bindings; those beyond the last part repeat it and are not read.
    pub(super) fn parts(&self) -> [&wgpu::Buffer; 4] {
        std::array::from_fn(|part| &self.parts[part.min(self.parts.len() - 1)])
    }
}
