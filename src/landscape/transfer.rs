//! The transfer function of a neuron, from current to rate.

/// `φ(I) = c·Iⁿ` for I > 0, else 0; the paper's is the square root, n = ½, c = 1.
///
/// The energy's first term is `Σ n/(n+1)·(r/c)^{1/n}·r`, r³/3 for the square root; its derivative is the current that a rate
/// asks for, `(r/c)^{1/n}`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    exponent: f64,
    gain: f64,
    is_root: bool,
}

impl Transfer {
    /// The square root.
    pub const ROOT: Self = Self { exponent: 0.5, gain: 1.0, is_root: true };

    /// The power n (0.5 to 1) and the gain c (Hz for a current of 1 Hz²).
    pub fn new(exponent: f64, gain: f64) -> Self {
        Self { exponent, gain, is_root: exponent == 0.5 && gain == 1.0 }
    }

    /// Whether it is the paper's square root, for which kernels have a fast form.
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// n.
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// c.
    pub fn gain(&self) -> f64 {
        self.gain
    }

    /// The rate at a current, 0 for a current that is not positive (Hz).
    #[inline]
    pub fn rate(&self, current: f64) -> f64 {
        let positive = current.max(0.0);
        if self.is_root { positive.sqrt() } else { self.gain * positive.powf(self.exponent) }
    }

    /// The current that a rate asks for, `(r/c)^{1/n}` (Hz²).
    #[inline]
    pub fn current(&self, rate: f64) -> f64 {
        if self.is_root { rate * rate } else { (rate / self.gain).powf(1.0 / self.exponent) }
    }

    /// The first term of the energy for one neuron, divided by its rate: r²/3 for the square root (Hz²).
    #[inline]
    pub fn energy_per_rate(&self, rate: f64) -> f64 {
        if self.is_root {
            rate * rate / 3.0
        } else {
            self.exponent / (self.exponent + 1.0) * self.current(rate)
        }
    }

    /// `d(r/c)^{1/n}/dr`: the curvature of the first term; 2r for the square root (Hz).
    #[inline]
    pub fn curvature(&self, rate: f64) -> f64 {
        if self.is_root { 2.0 * rate } else { self.current(rate) / (self.exponent * rate) }
    }

    /// The secant curvature that takes an uncoupled neuron at `rate` to its solution at `target` in one step (Hz): for the
    /// square root `r + √T` for T > 0. Where T ≤ 0 it falls silent, `((r/c)^{1/n} − T)/r`.
    #[inline]
    pub fn secant(&self, rate: f64, target: f64) -> f64 {
        if self.is_root {
            return if target > 0.0 { rate + target.sqrt() } else { rate - target / rate };
        }
        let own = self.current(rate);
        if !(target > 0.0) {
            return (own - target) / rate;
        }
        let solution = self.rate(target);
        let step = rate - solution;
        // Where the two ends meet, the secant is the tangent.
        if step.abs() > 1e-6 * solution { (own - target) / step } else { self.curvature(solution) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_powers_agree_with_the_root_where_they_meet() {
        let general = Transfer { exponent: 0.5, gain: 1.0, is_root: false };
        for (rate, target) in [(3.0, 4.0), (0.0, 9.0), (2.0, -1.0), (2.0, 4.0), (5.0, 25.0 + 1e-9)] {
            let (a, b) = (Transfer::ROOT.secant(rate, target), general.secant(rate, target));
            assert!((a - b).abs() < 1e-5 * a, "{rate} {target}: {a} {b}");
            assert!((Transfer::ROOT.energy_per_rate(rate) - general.energy_per_rate(rate)).abs() < 1e-12);
            assert!((Transfer::ROOT.rate(target) - general.rate(target)).abs() < 1e-12);
        }
    }

    #[test]
    fn current_undoes_rate_and_is_the_derivative_of_the_energy() {
        for transfer in [Transfer::ROOT, Transfer::new(0.8, 1.5), Transfer::new(1.0, 0.3)] {
            let rate = transfer.rate(17.0);
            assert!((transfer.current(rate) - 17.0).abs() < 1e-12);
            let energy = |r: f64| r * transfer.energy_per_rate(r);
            let slope = (energy(rate + 1e-4) - energy(rate - 1e-4)) / 2e-4;
            // Central differences are good to the third derivative times 10⁻⁸.
            assert!((slope - 17.0).abs() < 1e-5, "{transfer:?} {slope}");
            assert_eq!(transfer.rate(-2.0), 0.0);
        }
    }
}
