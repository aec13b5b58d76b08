//! The report for people: times and rates of each network, then errors.

use std::fmt::Write;

use super::{Case, Report, Stage};

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
        for case in &self.cases {
            text.push('\n');
            text.push_str(&case.times());
            text.push_str(&case.errors());
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
        let _ = write!(text, "{:31}{:>7}{:>7}{:>10}{:>10}", "stage", "states", "steps", "CPU s", "CPU /s");
        if on_gpu {
            let _ = write!(
                text,
                "{:>6}{:>10}{:>10}{:>9}{:>8}{:>8}",
                "in", "GPU s", "GPU /s", "CPU/GPU", "FP32", "memory"
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
                        "{:31}{:20}{:>10}{:>10}{:>10}  unit",
                        "error of the GPU", "quantity", "largest", "median", "of"
                    );
                }
                let name = format!("{}, {}", stage.stage, stage.precision);
                let _ = writeln!(
                    text,
                    "{name:31}{:20}{:>10.1e}{:>10.1e}{:>10.1e}  {}",
                    error.quantity, error.largest, error.median, error.scale, error.unit
                );
            }
        }
        text
    }
}

impl Stage {
    fn on_cpu(&self) -> String {
        let times = self.cpu.map_or(format!("{:>10}{:>10}", "-", "-"), |cpu| {
            format!("{:>10.4}{:>10}", cpu.seconds, short(cpu.states_steps_per_second))
        });
        format!("{:31}{:>7}{:>7}{times}", self.stage, self.states, self.steps)
    }

    fn on_gpu(&self) -> String {
        let percent = |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.2} %", 100.0 * s));
        match (&self.gpu, &self.failure) {
            (Some(gpu), _) => format!(
                "{:>6}{:>10.4}{:>10}{:>9}{:>8}{:>8}",
                self.precision,
                gpu.timing.seconds,
                short(gpu.timing.states_steps_per_second),
                gpu.speedup.map_or("-".to_owned(), |s| format!("{s:.2}")),
                percent(gpu.share_of_flops),
                percent(gpu.share_of_bandwidth)
            ),
            (None, Some(why)) => format!("{:>6}  failed: {why}", self.precision),
            (None, None) => String::new(),
        }
    }
}

/// Three digits and a decimal prefix.
fn short(value: f64) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match prefixes.iter().find(|(scale, _)| value >= *scale) {
        Some((scale, prefix)) => format!("{:.3} {prefix}", value / scale),
        None => format!("{value:.3}"),
    }
}
