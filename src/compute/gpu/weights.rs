//! W on the device.

use super::device::{Device, DeviceResult};
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

    /// The four bindings; those beyond the last part repeat it and are not read.
    pub(super) fn parts(&self) -> [&wgpu::Buffer; 4] {
        std::array::from_fn(|part| &self.parts[part.min(self.parts.len() - 1)])
    }
}
