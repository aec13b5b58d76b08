//! The report for people: times and rates of each network, then errors.

use std::fmt::Write;

use super::{Case, GpuTiming, HOST_CORES, Report, Stage};

impl Report {
    /// For a terminal.
    pub fn table(&self) -> String {
        let mut text = format!("CPU    {}\n", self.cpu);
        if let Some(device) = &self.device {
            let _ = writeln!(text, "GPU    {device}");
        }
        if let Some(peaks) = self.peaks {
            let _ = writeln!(
                text,
                "peaks  {} FLOP/s in f32, {} B/s, measured in this run",
                short(peaks.flops),
                short(peaks.bandwidth)
            );
        }
        for note in &self.notes {
            let _ = writeln!(text, "note   {note}");
        }
        text.push_str(
            "rates are states times steps a second; shares are of the peaks, with what active neurons need\n",
        );
        for case in &self.cases {
            text.push('\n');
            text.push_str(&case.times());
            text.push_str(&case.errors());
            text.push_str(&case.counts());
            text.push_str(&case.predictions());
        }
        text
    }
}

impl Case {
    fn times(&self) -> String {
        let mut text = format!(
            "N = {}, L = {}: {} states of about {:.0} active neurons\n",
            self.neurons, self.maps, self.states, self.active_neurons
        );
        let on_gpu = self.stages.iter().any(|stage| stage.gpu.is_some() || stage.failure.is_some());
        let _ = write!(text, "{:35}{:>7}{:>7}{:>10}{:>10}", "stage", "states", "steps", "CPU", "rate");
        if on_gpu {
            let _ = write!(
                text,
                "{:>6}{:>10}{:>10}{:>9}{:>8}{:>8}",
                "in", "GPU", "rate", "CPU/GPU", "FP32", "memory"
            );
        }
        text.push('\n');
        for stage in &self.stages {
            let row = if on_gpu { stage.on_cpu() + &stage.on_gpu() } else { stage.on_cpu() };
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    fn errors(&self) -> String {
        let mut text = String::new();
        for stage in &self.stages {
            for error in &stage.errors {
                if text.is_empty() {
                    let _ = writeln!(
                        text,
                        "{:35}{:20}{:>10}{:>10}{:>10}  unit",
                        "error of the GPU", "quantity", "largest", "median", "of"
                    );
                }
                let name = format!("{}, {}", stage.stage, stage.precision.name());
                let _ = writeln!(
                    text,
                    "{name:35}{:20}{:>10.1e}{:>10.1e}{:>10.1e}  {}",
                    error.quantity, error.largest, error.median, error.scale, error.unit
                );
            }
        }
        text
    }
}

impl Case {
    /// Stages in which a kernel ran.
    fn on_device(&self) -> impl Iterator<Item = (&Stage, &GpuTiming)> {
        let counted = |stage| -> Option<(&Stage, &GpuTiming)> {
            let stage: &Stage = stage;
            stage.gpu.as_ref().map(|gpu| (stage, gpu)).filter(|(_, gpu)| gpu.counted.dispatches > 0)
        };
        self.stages.iter().filter_map(counted)
    }

    fn counts(&self) -> String {
        let mut text = String::new();
        for (stage, gpu) in self.on_device() {
            if text.is_empty() {
                let _ = writeln!(
                    text,
                    "{:35}{:>10}{:>10}{:>10}{:>11}{:>9}{:>13}",
                    "counted in a call",
                    "mult-adds",
                    "W bytes",
                    "turns",
                    "dispatches",
                    "handed",
                    "host a state"
                );
            }
            let counted = &gpu.counted;
            let (handed, host) = match counted.states {
                0 => ("-".to_owned(), "-".to_owned()),
                states => (
                    format!("{:.1} %", 100.0 * counted.handed as f64 / states as f64),
                    time(counted.host_seconds / states as f64),
                ),
            };
            let _ = writeln!(
                text,
                "{:35}{:>10}{:>10}{:>10}{:>11}{handed:>9}{host:>13}",
                stage.stage,
                short(counted.multiply_adds as f64),
                short(counted.weight_bytes as f64),
                short(counted.turns as f64),
                counted.dispatches,
            );
        }
        text
    }

    fn predictions(&self) -> String {
        let mut text = String::new();
        for (stage, gpu) in self.on_device().filter(|(_, gpu)| !gpu.predicted.is_empty()) {
            if text.is_empty() {
                let _ =
                    writeln!(text, "predicted from these counts, with {HOST_CORES} host cores; not measured");
                let _ = write!(text, "{:35}", "");
                gpu.predicted.iter().for_each(|own| {
                    let _ = write!(text, "{:>22}", own.device);
                });
                text.push('\n');
            }
            let _ = write!(text, "{:35}", stage.stage);
            for own in &gpu.predicted {
                let _ = write!(text, "{:>22}", format!("{} {}", time(own.seconds), own.bound));
            }
            text.push('\n');
        }
        text
    }
}

impl Stage {
    fn on_cpu(&self) -> String {
        let times = self.cpu.map_or(format!("{:>10}{:>10}", "-", "-"), |cpu| {
            format!("{:>10}{:>10}", time(cpu.seconds), short(cpu.states_steps_per_second))
        });
        format!("{:35}{:>7}{:>7}{times}", self.stage, self.states, self.steps)
    }

    fn on_gpu(&self) -> String {
        let percent = |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.2} %", 100.0 * s));
        match (&self.gpu, &self.failure) {
            (Some(gpu), _) => format!(
                "{:>6}{:>10}{:>10}{:>9}{:>8}{:>8}",
                self.precision.name(),
                time(gpu.timing.seconds),
                short(gpu.timing.states_steps_per_second),
                gpu.speedup.map_or("-".to_owned(), |s| format!("{s:.2}")),
                percent(gpu.share_of_flops),
                percent(gpu.share_of_bandwidth)
            ),
            (None, Some(why)) => format!("{:>6}  failed: {why}", self.precision.name()),
            (None, None) => String::new(),
        }
    }
}

/// Three digits and a decimal prefix.
fn short(value: f64) -> String {
    scaled(value, &[(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")])
}

fn time(seconds: f64) -> String {
    scaled(seconds, &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")])
}

/// In the largest unit of which there is one, else in the last.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let Some(&(size, unit)) = units.iter().find(|(size, _)| value >= *size).or(units.last()) else {
        return value.to_string();
    };
    let value = value / size;
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$} {unit}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        assert_eq!(short(3.8719e6), "3.87 M");
        assert_eq!(short(385_542.0), "386 k");
        assert_eq!(short(0.5), "0.50");
        assert_eq!(time(0.01856), "18.6 ms");
        assert_eq!(time(2.5e-8), "0.03 µs");
        assert_eq!(time(95.0), "95.0 s");
    }
}
