//! What a search does with rates: their energy, and their projection on the constraint.

use crate::landscape::transfer::Transfer;
use crate::manifold::Vector;

/// Terms of the energy.
#[derive(Clone, Copy, Default)]
pub(super) struct EnergyParts {
    /// `Σ n/(n+1)·(r/c)^{1/n}·r` (Hz³).
    own: f64,
    /// h of the first neuron (Hz²), and `Σ r` (Hz): most networks have one h, and digits are not lost in a sum of large terms.
    common_current: f64,
    total_rate: f64,
    /// `Σ (h − common_current)·r` (Hz³).
    further_drive: f64,
    /// `½ rᵀWr` (Hz³).
    interaction: f64,
}

impl EnergyParts {
    /// Of rates with their field and external current.
    pub(super) fn of(transfer: Transfer, rates: &[f64], field: &[f64], h: &[f64]) -> Self {
        let common_current = h.first().copied().unwrap_or(0.0);
        let mut parts = Self { common_current, ..Self::default() };
        for ((&r, &f), &h) in rates.iter().zip(field).zip(h) {
            parts.own += transfer.energy(r);
            parts.total_rate += r;
            parts.further_drive += (h - common_current) * r;
            parts.interaction += 0.5 * r * f;
        }
        parts
    }

    pub(super) fn energy(&self) -> f64 {
        self.own - (self.common_current * self.total_rate + self.further_drive) - self.interaction
    }

    pub(super) fn magnitude(&self) -> f64 {
        self.own
            + self.common_current.abs() * self.total_rate
            + self.further_drive.abs()
            + self.interaction.abs()
    }
}

/// Newton iterations after which a projection stops; on one axis it is exact in a few, since the function is piecewise
/// linear.
const PROJECTION_TURNS: usize = 50;

/// Moves the positive rates to the nearest ones with `c·r = 0` for each list c of displacements: `r_i ← max(0, r_i − ν·c_i)`
/// with the ν that balances the moments, found by Newton's method on a piecewise linear, decreasing function. Silent
/// neurons stay silent.
pub(crate) fn project(rates: &mut [f64], displacements: &[Vec<f64>]) {
    match displacements {
        [] => {}
        [along] => project_on_line(rates, along),
        [x, y, ..] => project_on_plane(rates, x, y),
    }
}

fn project_on_plane(rates: &mut [f64], x: &[f64], y: &[f64]) {
    let mut shift: Vector = [0.0; 2];
    for _ in 0..PROJECTION_TURNS {
        let (mut moment, mut size, mut slopes) = ([0.0; 2], [0.0; 2], [0.0; 3]);
        for ((&r, &x), &y) in rates.iter().zip(x).zip(y) {
            let moved = r - shift[0] * x - shift[1] * y;
            if r > 0.0 && moved > 0.0 {
                moment[0] += x * moved;
                moment[1] += y * moved;
                size[0] += (x * moved).abs();
                size[1] += (y * moved).abs();
                slopes[0] += x * x;
                slopes[1] += x * y;
                slopes[2] += y * y;
            }
        }
        if (0..2).all(|d| moment[d].abs() <= 1e-15 * size[d]) {
            break;
        }
        let Some(step) = solve_symmetric(slopes, moment) else { break };
        shift = [shift[0] + step[0], shift[1] + step[1]];
    }
    if shift != [0.0; 2] {
        for ((r, x), y) in rates.iter_mut().zip(x).zip(y) {
            if *r > 0.0 {
                *r = (*r - shift[0] * x - shift[1] * y).max(0.0);
            }
        }
    }
}

/// Solves `[a, b; b, c]·v = right` for a matrix (a, b, c) that is positive definite, or, where it is not, the part of it
/// that lies along one axis. `None` if there is none.
pub(super) fn solve_symmetric([a, b, c]: [f64; 3], right: Vector) -> Option<Vector> {
    let determinant = a * c - b * b;
    if determinant > 1e-12 * a * c {
        Some([(c * right[0] - b * right[1]) / determinant, (a * right[1] - b * right[0]) / determinant])
    } else if a > 0.0 && a >= c {
        Some([right[0] / a, 0.0])
    } else if c > 0.0 {
        Some([0.0, right[1] / c])
    } else {
        None
    }
}

fn project_on_line(rates: &mut [f64], displacements: &[f64]) {
    let mut shift = 0.0;
    for _ in 0..PROJECTION_TURNS {
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
        let c = vec![-3.0, -1.0, 0.0, 1.0, 2.0, 5.0];
        let mut r = [1.0, 2.0, 4.0, 3.0, 0.0, 0.7];
        project(&mut r, std::slice::from_ref(&c));
        let moment: f64 = r.iter().zip(&c).map(|(r, c)| r * c).sum();
        assert!(moment.abs() < 1e-14, "{moment}");
        assert!(r.iter().all(|&x| x >= 0.0));
        // The nearest such point differs by a multiple of c wherever it is positive.
        let shift = 3.0 - r[3];
        assert!((r[0] - (1.0 + 3.0 * shift)).abs() < 1e-14 && r[2] == 4.0 && r[4] == 0.0);
    }

    #[test]
    fn projection_balances_two_moments() {
        let c = [vec![-3.0, -1.0, 0.5, 1.0, 2.0, 5.0, 0.0], vec![1.0, -2.0, 0.5, 3.0, -1.0, 0.0, -4.0]];
        let before = [1.0, 2.0, 4.0, 3.0, 0.0, 0.7, 0.2];
        let mut r = before;
        project(&mut r, &c);
        for along in &c {
            let moment: f64 = r.iter().zip(along).map(|(r, c)| r * c).sum();
            assert!(moment.abs() < 1e-13, "{moment} {r:?}");
        }
        assert!(r.iter().all(|&x| x >= 0.0) && r[4] == 0.0);
        // The shift is one combination of the two lists wherever a rate stays positive.
        let moved: Vec<usize> = (0..7).filter(|&i| r[i] > 0.0).collect();
        let [a, b] = [moved[0], moved[1]];
        let shift = solve([c[0][a], c[1][a], c[0][b], c[1][b]], [before[a] - r[a], before[b] - r[b]]);
        for &i in &moved {
            let expected = before[i] - shift[0] * c[0][i] - shift[1] * c[1][i];
            assert!((r[i] - expected).abs() < 1e-12, "{i}: {r:?}");
        }
    }

    fn solve([a, b, c, d]: [f64; 4], [x, y]: Vector) -> Vector {
        let determinant = a * d - b * c;
        [(d * x - b * y) / determinant, (a * y - c * x) / determinant]
    }
}
