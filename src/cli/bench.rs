//! `flatscape bench`: CPU and GPU side by side.

use clap::{Args, ValueEnum};

use super::Options;
use crate::bench::{self, Settings};
use crate::compute::choice::Choice;
use crate::compute::gpu;
use crate::compute::gpu::Gpu;
use crate::error::Result;
use crate::setup::config::Config;
use crate::text::tell;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which networks, where --neurons, --maps and --steps do not say
    #[arg(long, value_enum, default_value = "small")]
    size: Size,
    /// Numbers of neurons, for example 120,200
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(20..=100_000))]
    neurons: Vec<u32>,
    /// Numbers of maps, for example 2,4
    #[arg(long, value_name = "L,...", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=10_000))]
    maps: Vec<u32>,
    /// Steps of the trajectories of all points; those of 10 starts a map take ten times as many
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    steps: Option<u32>,
    /// Most points on all maps together; evenly spaced ones are taken if there are more
    #[arg(long, value_name = "STATES", default_value = "6000", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    states: u32,
    /// Timed repetitions after a warm-up; the median counts
    #[arg(long, value_name = "COUNT", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Size {
    /// 120 and 200 neurons, 2 and 4 maps: two minutes with a software driver
    Small,
    /// 600 neurons, 10 maps, for a real GPU
    Paper,
    /// 6000 neurons, 20 maps, for a large GPU; the CPU takes long
    Large,
}

impl Size {
    /// Neurons, maps, and steps.
    fn networks(self) -> (&'static [u32], &'static [u32], u32) {
        match self {
            Size::Small => (&[120, 200], &[2, 4], 300),
            Size::Paper => (&[600], &[10], 3000),
            Size::Large => (&[6000], &[20], 300),
        }
    }
}

impl Arguments {
    fn settings(&self) -> Settings {
        let (neurons, maps, steps) = self.size.networks();
        let or = |given: &[u32], default: &[u32]| -> Vec<usize> {
            let list = if given.is_empty() { default } else { given };
            list.iter().map(|&n| n as usize).collect()
        };
        Settings {
            neurons: or(&self.neurons, neurons),
            maps: or(&self.maps, maps),
            steps: self.steps.unwrap_or(steps) as usize,
            states: self.states as usize,
            repetitions: self.repetitions as usize,
        }
    }
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let mut config = Config::default();
    for setting in &options.set {
        config.set(setting)?;
    }
    let gpu = open(options)?;
    let told = |what: &str| {
        if options.shows_progress() {
            tell(what);
        }
    };
    let report = bench::run(&config, &arguments.settings(), gpu.as_ref().map_err(String::as_str), &told)?;
    options.report(&report, &report.table())?;
    match report.failures() {
        0 => Ok(0),
        failures => {
            tell(&format!("the device failed in {failures} stages; the report says how"));
            Ok(1)
        }
    }
}

/// The GPU, software drivers included, or why there is none. If one was asked for, having none is an error.
fn open(options: &Options) -> Result<std::result::Result<Gpu, String>> {
    if options.choice() == Choice::Cpu {
        return Ok(Err("asked for with --backend cpu".to_owned()));
    }
    match Gpu::new(options.adapter.as_deref()) {
        Ok(gpu) => Ok(Ok(gpu)),
        Err(why) if options.choice() == Choice::Auto && options.adapter.is_none() => {
            Ok(Err(gpu::without_way_out(&why)))
        }
        Err(why) => Err(why),
    }
}
