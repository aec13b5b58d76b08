//! Which adapters there are, which one is taken, and what is said when there is none.

use std::sync::Arc;

use serde::Serialize;

use super::counts::Counts;
use super::device::{self, Conditions, Device, DeviceKind, DeviceResult, Failure};
use super::selftest;
use crate::error::{Error, Result};

/// What can always be done in place of using a GPU.
pub(super) const WAY_OUT: &str = "; choose the CPU backend";

/// What is known of an adapter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdapterReport {
    /// The adapter's name.
    pub name: String,
    /// Where it is plugged in, as `bus:device.function`; empty where the driver does not say.
    pub pci: String,
    /// Driver and its version.
    pub driver: String,
    /// Vulkan, Metal or DX12.
    pub backend: String,
    /// What kind of device it is.
    pub kind: DeviceKind,
    /// Largest buffer (bytes).
    pub max_buffer: u64,
    /// Largest part of a buffer that a shader sees at once (bytes).
    pub max_binding: u64,
    /// Memory of a workgroup (bytes).
    pub workgroup_memory: u32,
    /// Threads of a workgroup.
    pub workgroup_threads: u32,
    /// Whether shaders can calculate in f64.
    pub f64: bool,
    /// Outcome of the self-test.
    pub verdict: Verdict,
}

/// Outcome of the self-test.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was not tested, because nobody wanted it.
    Untested,
    /// Its results can be believed.
    Passed,
    /// They cannot, and why.
    Refused(String),
}

impl std::fmt::Display for AdapterReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {}, {:?})", self.name, self.driver, self.backend, self.kind)?;
        match &self.verdict {
            Verdict::Untested => Ok(()),
            Verdict::Passed => write!(f, ": passed the self-test"),
            Verdict::Refused(why) => write!(f, ": refused, {why}"),
        }
    }
}

/// The adapter that `auto` takes: the first hardware GPU that passed its self-test.
pub fn preferred(adapters: &[AdapterReport]) -> Option<&AdapterReport> {
    adapters.iter().find(|adapter| adapter.kind.is_hardware() && matches!(adapter.verdict, Verdict::Passed))
}

/// All adapters with the outcome of the self-test on each, the preferred first.
pub fn list() -> Vec<AdapterReport> {
    let tested = |(report, adapter)| test(report, &adapter, &Conditions::default()).0;
    by_preference().into_iter().map(tested).collect()
}

/// Opens the adapter whose name, driver or backend contains `wanted`, or the preferred one that passes its self-test.
///
/// # Errors
/// [`Error::Device`] with all that was found, and how to choose the CPU.
pub(super) fn open(wanted: Option<&str>, conditions: &Conditions) -> Result<(AdapterReport, Device)> {
    let mut seen = Vec::new();
    for (report, adapter) in by_preference() {
        if wanted.is_some_and(|wanted| !matches(&report, wanted)) {
            seen.push(report);
            continue;
        }
        match test(report, &adapter, conditions) {
            (report, Some(device)) => return Ok((report, device)),
            (report, None) => seen.push(report),
        }
    }
    Err(none(wanted, &seen))
}

/// Opens the adapter of the report again, after its device was lost.
pub(super) fn reopen(
    report: &AdapterReport,
    conditions: &Conditions,
    counts: Arc<Counts>,
) -> DeviceResult<Device> {
    let same = |adapter: &wgpu::Adapter| {
        let found = describe(adapter);
        (&found.name, &found.driver, &found.backend) == (&report.name, &report.driver, &report.backend)
    };
    match device::adapters().iter().find(|adapter| same(adapter)) {
        Some(adapter) => Device::open(adapter, conditions, counts),
        None => Err(Failure::Lost("it is no longer there".to_owned())),
    }
}

/// Whether a person who typed `wanted` means this adapter.
fn matches(report: &AdapterReport, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    [&report.name, &report.driver, &report.backend].iter().any(|text| text.to_lowercase().contains(&wanted))
}

/// All adapters, the preferred first.
fn by_preference() -> Vec<(AdapterReport, wgpu::Adapter)> {
    let mut adapters: Vec<(AdapterReport, wgpu::Adapter)> =
        device::adapters().into_iter().map(|adapter| (describe(&adapter), adapter)).collect();
    adapters.sort_by_key(|(report, _)| report.kind);
    adapters
}

/// The report with the self-test's verdict, and the device if it passed.
fn test(
    report: AdapterReport,
    adapter: &wgpu::Adapter,
    conditions: &Conditions,
) -> (AdapterReport, Option<Device>) {
    let report = AdapterReport { kind: conditions.claims.unwrap_or(report.kind), ..report };
    let outcome = Device::open(adapter, conditions, Arc::default())
        .map_err(|failure| failure.to_string())
        .and_then(|device| selftest::run(&device).map(|()| device));
    match outcome {
        Ok(device) => (AdapterReport { verdict: Verdict::Passed, ..report }, Some(device)),
        Err(why) => (AdapterReport { verdict: Verdict::Refused(why), ..report }, None),
    }
}

fn describe(adapter: &wgpu::Adapter) -> AdapterReport {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    AdapterReport {
        name: info.name,
        pci: info.device_pci_bus_id,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        backend: info.backend.to_string(),
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
            wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
            wgpu::DeviceType::Cpu => DeviceKind::Software,
            wgpu::DeviceType::Other => DeviceKind::Unknown,
        },
        max_buffer: limits.max_buffer_size,
        max_binding: limits.max_storage_buffer_binding_size,
        workgroup_memory: limits.max_compute_workgroup_storage_size,
        workgroup_threads: limits.max_compute_invocations_per_workgroup,
        f64: adapter.features().contains(wgpu::Features::SHADER_F64),
        verdict: Verdict::Untested,
    }
}

/// What to say when no adapter can be used.
fn none(wanted: Option<&str>, seen: &[AdapterReport]) -> Error {
    let found = match seen {
        [] => "no adapter was found; is a Vulkan, Metal or DX12 driver installed?".to_owned(),
        _ => format!("found: {}", seen.iter().map(AdapterReport::to_string).collect::<Vec<_>>().join("; ")),
    };
    let wanted = wanted.map_or(String::new(), |name| format!(" whose name contains {name:?}"));
    Error::Device(format!("no usable GPU{wanted}; {found}{WAY_OUT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, verdict: Verdict) -> AdapterReport {
        AdapterReport {
            name: name.to_owned(),
            pci: String::new(),
            driver: "Mesa 22.3".to_owned(),
            backend: "vulkan".to_owned(),
            kind: DeviceKind::Software,
            max_buffer: 1,
            max_binding: 1,
            workgroup_memory: 1,
            workgroup_threads: 1,
            f64: false,
            verdict,
        }
    }

    #[test]
    fn a_missing_adapter_is_told_with_what_was_found_and_the_way_out() {
        let error = none(Some("H200"), &[report("llvmpipe", Verdict::Refused("it miscounts".to_owned()))]);
        assert_eq!(error.exit_code(), 3);
        let text = error.to_string();
        for part in ["\"H200\"", "llvmpipe", "Mesa 22.3", "it miscounts", "CPU backend"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(none(None, &[]).to_string().contains("no adapter was found"));
    }

    #[test]
    fn hardware_comes_first_and_names_match_anywhere() {
        assert!(DeviceKind::Discrete < DeviceKind::Integrated && DeviceKind::Virtual.is_hardware());
        assert!(!DeviceKind::Software.is_hardware() && !DeviceKind::Unknown.is_hardware());
        assert!(matches(&report("NVIDIA H200", Verdict::Passed), "h200"));
        assert!(matches(&report("x", Verdict::Passed), "Vulkan"));
        assert!(!matches(&report("x", Verdict::Passed), "h200"));
    }
}
