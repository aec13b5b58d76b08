//! W on the device.

use super::device::{Device, DeviceResult};
use super::plan::Plan;
use crate::connectivity::matrix::WeightMatrix;

/// W in f32, rows padded to the plan's stride, in as many buffers as the device's bindings require.
pub(super) struct Weights {
    parts: Vec<wgpu::Buffer>,
}

impl Weights {
    pub(super) fn upload(device: &Device, plan: &Plan, weights: &WeightMatrix) -> DeviceResult<Self> {
        let mut parts = Vec::with_capacity(plan.parts);
        for part in 0..plan.parts {
            let first = part * plan.rows_per_part;
            let rows = plan.rows_per_part.min(plan.neurons - first);
            let mut values = vec![0f32; rows * plan.stride];
            for (i, row) in values.chunks_exact_mut(plan.stride).enumerate() {
                for (to, &from) in row.iter_mut().zip(&weights.row(first + i)[..plan.neurons]) {
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
