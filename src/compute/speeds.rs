//! What both devices do a second: measured by short loops, and kept in a file from one start to the next.
//!
//! What is kept holds for one adapter with one driver, one processor with so many threads and one version of the program, for 30
//! days. A file that cannot be read or does not make sense is as good as none, and one that cannot be written is left: then the
//! devices are measured again at every start.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pulp::Arch;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::compute::gpu::{AdapterReport, Gpu, Peaks};
use crate::connectivity::field::field;
use crate::connectivity::matrix::{self, WeightMatrix};
use crate::error::Result;
use crate::files;

/// How long the CPU's loop runs.
const LOOP: Duration = Duration::from_millis(20);

/// How long speeds hold. What was measured beside other work is forgotten some day.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// What both devices were measured to do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speeds {
    /// Operations of the CPU's innermost loop on all threads a second.
    pub cpu: f64,
    /// The device.
    pub gpu: Peaks,
}

/// Speeds, and when they were measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// What both devices do.
    pub speeds: Speeds,
    /// How long ago that was measured, if it was at an earlier start.
    pub age: Option<Duration>,
}

/// What speeds hold for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Machine {
    program: String,
    adapter: String,
    /// Tells adapters of one name apart, where the driver says it.
    pci: String,
    /// With its version.
    driver: String,
    backend: String,
    /// A home directory may be that of many machines.
    processor: String,
    threads: usize,
}

/// An entry of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    machine: Machine,
    /// When it was measured (s since 1970).
    measured_unix: u64,
    speeds: Speeds,
}

impl Speeds {
    /// Measures both; takes a few tenths of a second.
    ///
    /// # Errors
    /// If the device fails.
    pub fn measure(gpu: &Gpu) -> Result<Self> {
        Ok(Self { cpu: cpu_flops(), gpu: gpu.rough_peaks()? })
    }

    /// What `file` holds for this device on this machine; if it holds nothing, measures both and writes it there. Without a file
    /// they are measured in any case.
    ///
    /// # Errors
    /// If the device fails.
    pub fn find(gpu: &Gpu, file: Option<&Path>) -> Result<Found> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        find(&Machine::with(gpu.report()), file, now, || Self::measure(gpu))
    }

    /// Whether they can be what a device does.
    fn are_possible(&self) -> bool {
        [self.cpu, self.gpu.flops, self.gpu.bandwidth].iter().all(|speed| speed.is_finite() && *speed > 0.0)
    }
}

impl Machine {
    /// This one, with that adapter.
    fn with(adapter: &AdapterReport) -> Self {
        let AdapterReport { name, pci, driver, backend, .. } = adapter.clone();
        let mut system = sysinfo::System::new();
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            adapter: name,
            pci,
            driver,
            backend,
            processor: system.cpus().first().map_or_else(String::new, |cpu| cpu.brand().to_owned()),
            threads: rayon::current_num_threads(),
        }
    }
}

/// As [`Speeds::find`], at the time `now` (since 1970).
fn find(
    machine: &Machine,
    file: Option<&Path>,
    now: Duration,
    measure: impl FnOnce() -> Result<Speeds>,
) -> Result<Found> {
    let mut kept = file.map(|file| read(file, now)).unwrap_or_default();
    if let Some(own) = kept.iter().find(|kept| kept.machine == *machine) {
        let age = now.saturating_sub(Duration::from_secs(own.measured_unix));
        return Ok(Found { speeds: own.speeds, age: Some(age) });
    }
    let speeds = measure()?;
    if let Some(file) = file.filter(|_| speeds.are_possible()) {
        kept.push(Kept { machine: machine.clone(), measured_unix: now.as_secs(), speeds });
        write(file, &kept);
    }
    Ok(Found { speeds, age: None })
}

/// The entries of a file that still hold.
fn read(file: &Path, now: Duration) -> Vec<Kept> {
    let bytes = files::read(file).unwrap_or_default();
    let mut kept: Vec<Kept> = serde_json::from_slice(&bytes).unwrap_or_default();
    kept.retain(|kept| {
        // What was measured in the future was measured when the clock was wrong.
        let age = now.checked_sub(Duration::from_secs(kept.measured_unix));
        age.is_some_and(|age| age <= LIFETIME) && kept.speeds.are_possible()
    });
    kept
}

/// Writes the entries, if that can be done: what is not kept is measured again.
fn write(file: &Path, kept: &[Kept]) {
    let Ok(text) = serde_json::to_vec_pretty(kept) else { return };
    if file.parent().is_none_or(|folder| std::fs::create_dir_all(folder).is_ok()) {
        let _ = files::write_atomically(file, &text);
    }
}

/// Operations a second of [`field`] on all threads, with W in the caches.
fn cpu_flops() -> f64 {
    const NEURONS: usize = 512;
    const ACTIVE: usize = 64;
    let weights = WeightMatrix::from_dense(NEURONS, &vec![0.5; NEURONS * NEURONS]);
    let active: Vec<u32> = (0..ACTIVE as u32).collect();
    let turns = |_| {
        let mut out = vec![0.0; matrix::stride(NEURONS)];
        let (began, mut turns) = (Instant::now(), 0_usize);
        while began.elapsed() < LOOP {
            field(Arch::new(), &weights, &active, &[0.1; ACTIVE], &mut out);
            turns += 1;
        }
        turns as f64 / began.elapsed().as_secs_f64()
    };
    let each: f64 = (0..rayon::current_num_threads()).into_par_iter().map(turns).sum();
    each * (2 * ACTIVE * NEURONS) as f64
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn machine() -> Machine {
        Machine {
            program: "0.1.0".to_owned(),
            adapter: "A".to_owned(),
            pci: "0000:01:00.0".to_owned(),
            driver: "D 1.0".to_owned(),
            backend: "vulkan".to_owned(),
            processor: "P".to_owned(),
            threads: 2,
        }
    }

    fn speeds(cpu: f64) -> Speeds {
        Speeds { cpu, gpu: Peaks { flops: 1.5e13, bandwidth: 1.0 / 3.0 } }
    }

    /// What is found when a measurement would give `cpu`, and whether there was one.
    fn found_at(machine: &Machine, file: Option<&Path>, now: Duration, cpu: f64) -> (Found, bool) {
        let was_measured = Cell::new(false);
        let measure = || {
            was_measured.set(true);
            Ok(speeds(cpu))
        };
        (find(machine, file, now, measure).unwrap(), was_measured.get())
    }

    #[test]
    fn speeds_are_kept_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/folder/speeds.json");
        let first = found_at(&machine(), Some(&file), NOW, 1e9);
        assert_eq!(first, (Found { speeds: speeds(1e9), age: None }, true));
        let later = Duration::from_secs(3600);
        let second = found_at(&machine(), Some(&file), NOW + later, 2e9);
        assert_eq!(second, (Found { speeds: speeds(1e9), age: Some(later) }, false));
        // Nothing lies beside it.
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        assert!(found_at(&machine(), None, NOW, 3e9).1, "without a file");
    }

    #[test]
    fn another_driver_or_anything_else_is_measured_anew_and_kept_beside_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("speeds.json");
        let other = |change: fn(&mut Machine)| {
            let mut machine = machine();
            change(&mut machine);
            machine
        };
        let machines = [
            machine(),
            other(|m| m.driver = "D 1.1".to_owned()),
            other(|m| m.adapter = "B".to_owned()),
            other(|m| m.pci = "0000:02:00.0".to_owned()),
            other(|m| m.backend = "dx12".to_owned()),
            other(|m| m.program = "0.2.0".to_owned()),
            other(|m| m.processor = "Q".to_owned()),
            other(|m| m.threads = 3),
        ];
        for (k, machine) in machines.iter().enumerate() {
            assert!(found_at(machine, Some(&file), NOW, 1.0 + k as f64).1, "{machine:?}");
        }
        for (k, machine) in machines.iter().enumerate() {
            let (found, was_measured) = found_at(machine, Some(&file), NOW, 1e9);
            assert!(!was_measured && found.speeds == speeds(1.0 + k as f64), "{machine:?}");
        }
    }

    #[test]
    fn a_file_that_makes_no_sense_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("speeds.json");
        found_at(&machine(), Some(&file), NOW, 1e9);
        let sound = std::fs::read_to_string(&file).unwrap();
        assert!(sound.contains("15000000000000.0"), "{sound}");
        let number = |with: &str| sound.replace("15000000000000.0", with);
        let (half, _) = sound.split_at(sound.len() / 2);
        for broken in
            ["", "{}", "\0", half, &number("0.0"), &number("-1.0"), &number("1e999"), &number("null")]
        {
            std::fs::write(&file, broken).unwrap();
            assert!(found_at(&machine(), Some(&file), NOW, 2e9).1, "{broken}");
            let (found, was_measured) = found_at(&machine(), Some(&file), NOW, 3e9);
            assert!(!was_measured && found.speeds == speeds(2e9), "{broken}");
        }
    }

    #[test]
    fn speeds_that_are_old_or_from_the_future_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("speeds.json");
        let second = Duration::from_secs(1);
        found_at(&machine(), Some(&file), NOW, 1e9);
        assert!(!found_at(&machine(), Some(&file), NOW + LIFETIME, 2e9).1);
        assert!(found_at(&machine(), Some(&file), NOW + LIFETIME + second, 2e9).1);
        assert!(!found_at(&machine(), Some(&file), NOW + LIFETIME + second, 3e9).1);
        assert!(found_at(&machine(), Some(&file), NOW, 4e9).1);
        let entries: Vec<Kept> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(entries.len(), 1, "what no longer holds goes");
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"mine").unwrap();
        // A file in place of the folder, and a folder in place of the file: neither yields to root.
        for place in [file.join("speeds.json"), folder.path().to_owned()] {
            for cpu in [1e9, 2e9] {
                let found = found_at(&machine(), Some(&place), NOW, cpu);
                assert_eq!(found, (Found { speeds: speeds(cpu), age: None }, true));
            }
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn impossible_speeds_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("speeds.json");
        for cpu in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(found_at(&machine(), Some(&file), NOW, cpu).1, "{cpu}");
            assert!(!file.exists(), "{cpu}");
        }
    }

    #[test]
    fn the_cpu_is_measured() {
        let flops = cpu_flops();
        assert!(flops > 1e7 && flops < 1e15, "{flops}");
    }
}
