//! The single-map bump: the idealized state of every manifold.

use pulp::Arch;

use crate::connectivity::Kernel;
use crate::connectivity::field::field;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::landscape::constraint::Constraint;
use crate::landscape::newton;
use crate::landscape::states::StateBuf;
use crate::manifold::Maps;
use crate::manifold::Point;

/// Bumps of the network that stores one map alone, centred on a neuron and at the fractions of a neuron spacing
/// that were asked for.
///
/// The bump between neurons is the single-map constrained minimum at that position.
#[derive(Clone, Debug)]
pub struct IdealizedBumps {
    neurons: usize,
    /// Current by ring displacement from the centre `[neurons]` (Hz²).
    current: Vec<f64>,
    /// By ascending fraction; the first is 0.
    profiles: Vec<Profile>,
    energy: f64,
}

#[derive(Clone, Debug)]
struct Profile {
    fraction: f64,
    /// Displacement of active neurons from the point's base (ring positions, `0..N`, wrapping), and rate (Hz).
    rates: Vec<(usize, f64)>,
}

/// Relaxation steps of size [`RELAXATION`]·τ that a bump gets to form.
const RELAXATION_STEPS: usize = 2000;
const RELAXATION: f64 = 0.2;

impl IdealizedBumps {
    /// Relaxes the single-map network to its bump and refines it to rounding, then does the same at `fractions` of a
    /// neuron spacing.
    ///
    /// # Errors
    /// [`Error::Usage`] if the parameters have no single localized bump, saying what they have instead.
    pub fn new(neurons: usize, kernel: Kernel, baseline_current: f64, fractions: &[f64]) -> Result<Self> {
        let ring = Ring {
            maps: Maps::ring(neurons),
            weights: kernel.connectivity(&Maps::ring(neurons)),
            baseline_current,
        };
        let relaxed = ring.relax(kernel.width)?;
        let mut rates = ring.refine(0.0, StateBuf::from_dense(&relaxed))?;
        // The bump on a neuron is even; what rounding broke is mended.
        for d in 1..=neurons / 2 {
            let mean = 0.5 * (rates[d] + rates[neurons - d]);
            (rates[d], rates[neurons - d]) = (mean, mean);
        }
        let centred = StateBuf::from_dense(&rates);
        let current = ring.current(&centred);
        let states = crate::landscape::states::States::pack(neurons, [centred.view()]);
        let energy = crate::landscape::energy::energies(&ring.weights, baseline_current, &states)[0];
        let mut profiles = vec![Profile::new(0.0, &rates)];
        for &fraction in fractions.iter().filter(|&&f| f > 0.0) {
            let interpolated: Vec<f64> = (0..neurons)
                .map(|d| (1.0 - fraction) * current[d] + fraction * current[(d + neurons - 1) % neurons])
                .map(|i| i.max(0.0).sqrt())
                .collect();
            profiles
                .push(Profile::new(fraction, &ring.refine(fraction, StateBuf::from_dense(&interpolated))?));
        }
        profiles.sort_unstable_by(|a, b| a.fraction.total_cmp(&b.fraction));
        profiles.dedup_by(|a, b| a.fraction == b.fraction);
        Ok(Self { neurons, current, profiles, energy })
    }

    /// Rates of the bump centred on a neuron, by ring displacement `[neurons]` (Hz).
    pub fn centred_rates(&self) -> Vec<f64> {
        let mut rates = vec![0.0; self.neurons];
        for &(d, r) in &self.profiles[0].rates {
            rates[d] = r;
        }
        rates
    }

    /// Currents of the bump centred on a neuron, by ring displacement `[neurons]` (Hz²).
    pub fn centred_current(&self) -> &[f64] {
        &self.current
    }

    /// The bump centred on a neuron, normalized to peak 1, over its support: (ring displacement `0..N`, P). This is
    /// the P of the bump score, eq. S6.
    pub fn template(&self) -> Vec<(usize, f64)> {
        let rates = &self.profiles[0].rates;
        let peak = rates.iter().map(|p| p.1).fold(0.0, f64::max);
        rates.iter().map(|&(d, r)| (d, r / peak)).collect()
    }

    /// R̄: rate averaged over all neurons (Hz).
    pub fn mean_rate(&self) -> f64 {
        self.profiles[0].rates.iter().map(|p| p.1).sum::<f64>() / self.neurons as f64
    }

    /// Number of active neurons of the centred bump.
    pub fn active(&self) -> usize {
        self.profiles[0].rates.len()
    }

    /// Energy of the centred bump in its own network (Hz³).
    pub fn energy(&self) -> f64 {
        self.energy
    }

    /// The idealized bump at a manifold point, as rates of the network's neurons.
    ///
    /// # Panics
    /// If the point's fraction is not among those given to [`IdealizedBumps::new`].
    pub fn at(&self, maps: &Maps, point: Point) -> StateBuf {
        let found = self.profiles.binary_search_by(|p| p.fraction.total_cmp(&point.fraction));
        let profile = &self.profiles[found.expect("bumps are prepared for the points of the plan")];
        let neurons = maps.neurons_by_position(point.map);
        let mut pairs: Vec<(u32, f64)> =
            profile.rates.iter().map(|&(d, r)| (neurons[(point.base + d) % self.neurons], r)).collect();
        pairs.sort_unstable_by_key(|p| p.0);
        let (active, rates) = pairs.into_iter().unzip();
        StateBuf { active, rates }
    }

    /// The current of the idealized bump centred on position `base` of `map`, to `out` `[neurons]` (Hz²).
    pub fn current_at(&self, maps: &Maps, map: usize, base: usize, out: &mut [f64]) {
        for (current, &p) in out.iter_mut().zip(maps.positions(map)) {
            *current = self.current[(p as usize + self.neurons - base) % self.neurons];
        }
    }
}

impl Profile {
    fn new(fraction: f64, rates: &[f64]) -> Self {
        let rates = rates.iter().copied().enumerate().filter(|(_, r)| *r > 0.0).collect();
        Self { fraction, rates }
    }
}

/// The network that stores one map.
struct Ring {
    maps: Maps,
    weights: WeightMatrix,
    baseline_current: f64,
}

impl Ring {
    fn current(&self, state: &StateBuf) -> Vec<f64> {
        let mut out = vec![0.0; self.weights.stride()];
        field(Arch::new(), &self.weights, &state.active, &state.rates, &mut out);
        out.truncate(self.maps.neurons());
        out.iter_mut().for_each(|f| *f += self.baseline_current);
        out
    }

    /// Follows the dynamics from a Gaussian start of the given width about position 0, until they settle; returns
    /// rates by displacement. Kept even, since on a coarse ring a bump may prefer to sit between neurons.
    fn relax(&self, width: f64) -> Result<Vec<f64>> {
        let n = self.maps.neurons();
        let mut current: Vec<f64> =
            (0..n).map(|d| d.min(n - d) as f64 / width).map(|x| 100.0 * (-0.5 * x * x).exp() - 1.0).collect();
        let mut rates = vec![0.0; n];
        for _ in 0..RELAXATION_STEPS {
            rates = current.iter().map(|i| i.max(0.0).sqrt()).collect();
            let target = self.current(&StateBuf::from_dense(&rates));
            let mut change: f64 = 0.0;
            for d in 0..n {
                let even = 0.5 * (target[d] + target[(n - d) % n]);
                let step = RELAXATION * (even - current[d]);
                current[d] += step;
                change = change.max(step.abs());
            }
            if !current.iter().all(|i| i.is_finite()) {
                return Err(no_bump("the rates are not finite numbers; lower kernel.amplitude"));
            }
            if change < 1e-10 * (1.0 + current[0].abs()) {
                break;
            }
        }
        let active = rates.iter().filter(|r| **r > 0.0).count();
        let reach = rates[..=n / 2].iter().take_while(|r| **r > 0.0).count();
        if active == 0 {
            return Err(no_bump("activity dies out; raise dynamics.baseline_current or kernel.amplitude"));
        }
        if active > n / 2 {
            return Err(no_bump(&format!(
                "activity spreads over {active} of {n} neurons; make kernel.inhibition more negative or kernel.width smaller"
            )));
        }
        if reach < 2 || active != 2 * reach - 1 {
            return Err(no_bump(
                "activity breaks up into several parts, or shrinks to one neuron; change kernel.width or kernel.amplitude",
            ));
        }
        if rates[reach - 1] > 0.99 * rates[0] {
            return Err(no_bump(
                "the active neurons all fire alike, wherever they lie; raise kernel.amplitude",
            ));
        }
        Ok(rates)
    }

    /// Rates of the constrained minimum at `fraction` past position 0, by displacement.
    fn refine(&self, fraction: f64, start: StateBuf) -> Result<Vec<f64>> {
        let n = self.maps.neurons();
        let point = Point { map: 0, base: 0, fraction };
        let constraint = Constraint::windowed(&self.maps, point, start.clone());
        let found = newton::Workspace::new(Arch::new(), n).minimize(
            &self.weights,
            self.baseline_current,
            &constraint,
            start.view(),
            newton::Asking::Always,
        );
        if !found.certificate.converged(1e-8) || found.certificate.bump_lost() {
            return Err(no_bump(&format!(
                "the bump centred {fraction} neuron units past a neuron is no minimum of the energy (residual {:.1e} Hz^2)",
                found.certificate.residual()
            )));
        }
        let mut rates = vec![0.0; n];
        found.state.view().scatter(&mut rates);
        Ok(rates)
    }
}

fn no_bump(what: &str) -> Error {
    Error::Usage(format!("these parameters have no single bump, even with one map: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_bump_has_the_measured_size() {
        let bumps = IdealizedBumps::new(600, Kernel::PAPER, 10.0, &[0.0, 0.5]).unwrap();
        let rates = bumps.centred_rates();
        assert!((rates[0] - 11.5858).abs() < 5e-5);
        assert_eq!(bumps.active(), 59);
        assert!((bumps.mean_rate() - 0.842133).abs() < 5e-7);
        assert!((bumps.energy() + 10618.086439796625).abs() < 1e-7);
        let self_score: f64 = bumps.template().iter().map(|(_, p)| p * p).sum();
        assert!((self_score - 35.954).abs() < 5e-4);
        let between = bumps.at(&Maps::ring(600), Point { map: 0, base: 3, fraction: 0.5 });
        let centre: f64 = between.view().iter().map(|(i, r)| r * ((i + 300) % 600) as f64).sum::<f64>()
            / between.rates.iter().sum::<f64>();
        assert!((centre - 303.5).abs() < 1e-9, "{centre}");
    }

    #[test]
    fn parameters_without_a_bump_are_refused_with_the_reason() {
        let refuse = |kernel, current| match IdealizedBumps::new(100, kernel, current, &[0.0]) {
            Err(Error::Usage(text)) => text,
            other => panic!("accepted or failed otherwise: {other:?}"),
        };
        let scaled = Kernel::PAPER.scaled_to(100);
        assert!(refuse(scaled, -50.0).contains("dies out"));
        assert!(refuse(Kernel { inhibition: 0.0, ..scaled }, 10.0).contains("spreads over"));
        assert!(refuse(Kernel { amplitude: 1e300, ..scaled }, 1e308).contains("not finite"));
        assert!(refuse(Kernel { amplitude: 0.0, ..scaled }, 10.0).contains("fire alike"));
    }
}
