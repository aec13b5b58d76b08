//! Paths: what velocity is asked for in every step.

use std::f64::consts::TAU;
use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::dynamics::noise::normal;
use crate::error::{Error, Result};
use crate::files;
use crate::setup::config::{DriveConfig, DrivePath};
use crate::setup::plan::Plan;

/// Velocities in all steps of `measure.duration_ms` (neuron units/s); with a file, in all steps that it covers.
///
/// # Errors
/// [`Error::Usage`] if a file is wanted and none is named, [`Error::Usage`] naming the line that makes a file no path.
pub fn velocities(plan: &Plan) -> Result<Vec<f64>> {
    let (drive, dt) = (&plan.config.drive, plan.config.dynamics.dt_ms);
    let steps = 0..plan.steps;
    Ok(match drive.path {
        DrivePath::Constant => vec![drive.velocity; plan.steps],
        DrivePath::Sinusoid => {
            steps.map(|k| drive.velocity * (TAU * k as f64 * dt / drive.period_ms).sin()).collect()
        }
        DrivePath::Walk => walk(drive, dt, plan.steps, plan.config.network.seed),
        DrivePath::File => match &drive.file {
            Some(file) => from_file(file, dt)?,
            None => {
                return Err(Error::Usage(
                    "drive.path = \"file\" needs drive.file, a CSV with the columns time_ms and velocity"
                        .to_owned(),
                ));
            }
        },
    })
}

/// An Ornstein–Uhlenbeck process of standard deviation `velocity` and correlation time `period_ms`.
fn walk(drive: &DriveConfig, dt: f64, steps: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let keep = (-dt / drive.period_ms).exp();
    let fresh = drive.velocity * (1.0 - keep * keep).sqrt();
    let mut velocity = drive.velocity * normal(&mut rng);
    (0..steps)
        .map(|_| {
            let now = velocity;
            velocity = keep * velocity + fresh * normal(&mut rng);
            now
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VelocityRow {
    time_ms: f64,
    velocity: f64,
}

/// Times ascend from 0 in equal steps; every velocity holds until the next time. The last holds as long as the others.
fn from_file(file: &Path, dt: f64) -> Result<Vec<f64>> {
    let refuse = |what: String| Err(Error::Usage(format!("{}: {what}", file.display())));
    let bytes = match files::read(file) {
        Ok(bytes) => bytes,
        Err(e) => return refuse(format!("cannot read the path: {e}; check drive.file")),
    };
    let rows: std::result::Result<Vec<VelocityRow>, csv::Error> =
        csv::Reader::from_reader(bytes.as_slice()).deserialize().collect();
    let rows = match rows {
        Ok(rows) => rows,
        Err(e) => return refuse(format!("is no table of time_ms,velocity ({e})").replace('\n', " ")),
    };
    if rows.len() < 2 {
        return refuse("has fewer than two rows; a path is a table of time_ms,velocity".to_owned());
    }
    for (k, row) in rows.iter().enumerate() {
        if !(row.velocity.is_finite() && row.time_ms.is_finite()) {
            return refuse(format!(
                "line {}: {},{} is not a number; every row needs both",
                k + 2,
                row.time_ms,
                row.velocity
            ));
        }
    }
    let interval = rows[1].time_ms - rows[0].time_ms;
    if rows[0].time_ms != 0.0 || !(interval >= dt) {
        return refuse(format!(
            "times begin at {} ms and go on by {interval} ms; they begin at 0 and are dynamics.dt_ms = {dt} apart or more",
            rows[0].time_ms
        ));
    }
    if let Some(k) =
        (1..rows.len()).find(|&k| (rows[k].time_ms - rows[k - 1].time_ms - interval).abs() > 1e-6 * interval)
    {
        return refuse(format!(
            "line {}: a gap, from {} to {} ms where the others are {interval} ms apart; fill it in",
            k + 2,
            rows[k - 1].time_ms,
            rows[k].time_ms
        ));
    }
    let steps = (interval * rows.len() as f64 / dt).round() as usize;
    let at = |k: usize| ((k as f64 * dt / interval) as usize).min(rows.len() - 1);
    Ok((0..steps).map(|k| rows[at(k)].velocity).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<f64>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("path.csv");
        std::fs::write(&file, text).unwrap();
        from_file(&file, 0.5)
    }

    #[test]
    fn a_file_holds_its_velocities() {
        assert_eq!(read("time_ms,velocity\n0,3\n1,-2\n").unwrap(), [3.0, 3.0, -2.0, -2.0]);
    }

    #[test]
    fn paths_with_gaps_or_nan_are_refused_with_the_line() {
        for (text, part) in [
            ("time_ms,velocity\n0,3\n1,NaN\n", "line 3"),
            ("time_ms,velocity\n0,3\n1,2\n3,2\n", "line 4: a gap"),
            ("time_ms,velocity\n0,3\n1,\n", "time_ms,velocity"),
            ("time_ms,velocity\n0,3\n", "two rows"),
            ("time_ms,velocity\n5,3\n6,3\n", "begin at 0"),
            ("time_ms,velocity\n0,3\n0.1,3\n", "apart or more"),
            ("t,v\n0,3\n1,3\n", "no table"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(part) && error.exit_code() == 2, "{text:?}: {error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_walk_has_the_size_and_the_memory_that_was_asked_for() {
        let drive =
            DriveConfig { velocity: 5.0, period_ms: 100.0, ..crate::setup::config::Config::default().drive };
        let found = walk(&drive, 1.0, 400_000, 3);
        let variance = found.iter().map(|v| v * v).sum::<f64>() / found.len() as f64;
        let lagged = found.iter().zip(&found[100..]).map(|(a, b)| a * b).sum::<f64>() / found.len() as f64;
        // 4,000 correlation times: the variance is good to √(2/2,000), 3 %.
        assert!((variance / 25.0 - 1.0).abs() < 0.13, "{variance}");
        assert!((lagged / variance - (-1.0_f64).exp()).abs() < 0.1, "{lagged}");
    }
}
