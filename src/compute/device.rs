//! What does the work, as records name it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What does the work. A file holds it as people read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ComputeDevice {
    /// The CPU, in f64: the reference.
    Cpu {
        /// Threads at work.
        threads: usize,
    },
    /// An adapter, by its name and driver.
    Gpu(String),
}

impl ComputeDevice {
    /// The CPU with the threads that there are.
    pub fn cpu() -> Self {
        Self::Cpu { threads: rayon::current_num_threads() }
    }
}

impl fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { threads: 1 } => f.write_str("cpu, 1 thread"),
            Self::Cpu { threads } => write!(f, "cpu, {threads} threads"),
            Self::Gpu(name) => f.write_str(name),
        }
    }
}

impl From<String> for ComputeDevice {
    fn from(text: String) -> Self {
        let threads = || text.strip_prefix("cpu, ")?.split(' ').next()?.parse().ok();
        match threads().map(|threads| Self::Cpu { threads }) {
            Some(cpu) if cpu.to_string() == text => cpu,
            _ => Self::Gpu(text),
        }
    }
}

impl From<ComputeDevice> for String {
    fn from(device: ComputeDevice) -> Self {
        device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_what_people_read() {
        for (device, text) in [
            (ComputeDevice::Cpu { threads: 1 }, "cpu, 1 thread"),
            (ComputeDevice::Cpu { threads: 16 }, "cpu, 16 threads"),
            (ComputeDevice::Gpu("cpu, a GPU of that name".to_owned()), "cpu, a GPU of that name"),
            (ComputeDevice::Gpu("cpu, 1 threads".to_owned()), "cpu, 1 threads"),
            (ComputeDevice::Gpu("NVIDIA H100 (driver, Vulkan)".to_owned()), "NVIDIA H100 (driver, Vulkan)"),
        ] {
            assert_eq!(serde_json::to_value(&device).unwrap(), text);
            assert_eq!(serde_json::from_value::<ComputeDevice>(text.into()).unwrap(), device);
        }
    }
}
