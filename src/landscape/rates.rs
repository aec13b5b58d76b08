//! What a search does with rates: their energy, and their projection on the constraint.

/// Terms of the energy by their dependence on h.
#[derive(Clone, Copy, Default)]
pub(super) struct EnergyParts {
    cubic: f64,
    total_rate: f64,
    interaction: f64,
}

impl EnergyParts {
    pub(super) fn of(rates: &[f64], field: &[f64]) -> Self {
        let mut parts = Self { cubic: 0.0, total_rate: 0.0, interaction: 0.0 };
        for (&r, &f) in rates.iter().zip(field) {
            parts.cubic += r * r * r / 3.0;
            parts.total_rate += r;
            parts.interaction += 0.5 * r * f;
        }
        parts
    }

    pub(super) fn energy(&self, h: f64) -> f64 {
        self.cubic - h * self.total_rate - self.interaction
    }

    pub(super) fn magnitude(&self, h: f64) -> f64 {
        self.cubic + h.abs() * self.total_rate + self.interaction.abs()
    }
}

/// Moves the positive rates to the nearest ones with `c·r = 0`: `r_i ← max(0, r_i − ν c_i)` with the ν that balances the
/// moments, found by Newton's method on a piecewise linear, decreasing function. Silent neurons stay silent.
pub(crate) fn project(rates: &mut [f64], displacements: &[f64]) {
    let mut shift = 0.0;
    for _ in 0..50 {
        let (mut moment, mut slope, mut size) = (0.0, 0.0, 0.0);
        for (r, c) in rates.iter().zip(displacements) {
            let moved = r - shift * c;
            if *r > 0.0 && moved > 0.0 {
                moment += c * moved;
                size += (c * moved).abs();
                slope += c * c;
            }
        }
        if moment.abs() <= 1e-15 * size || slope == 0.0 {
            break;
        }
        shift += moment / slope;
    }
    if shift != 0.0 {
        for (r, c) in rates.iter_mut().zip(displacements) {
            if *r > 0.0 {
                *r = (*r - shift * c).max(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projection_balances_and_stays_non_negative() {
        let c = [-3.0, -1.0, 0.0, 1.0, 2.0, 5.0];
        let mut r = [1.0, 2.0, 4.0, 3.0, 0.0, 0.7];
        project(&mut r, &c);
        let moment: f64 = r.iter().zip(&c).map(|(r, c)| r * c).sum();
        assert!(moment.abs() < 1e-14, "{moment}");
        assert!(r.iter().all(|&x| x >= 0.0));
        // The nearest such point differs by a multiple of c wherever it is positive.
        let shift = 3.0 - r[3];
        assert!((r[0] - (1.0 + 3.0 * shift)).abs() < 1e-14 && r[2] == 4.0 && r[4] == 0.0);
    }
}
