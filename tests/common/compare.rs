//! The comparison of numbers that all tests share: it reports every difference together, and proves that it can fail.

#![allow(dead_code, reason = "no test uses all of it")]

/// Differences beyond a tolerance.
pub struct Mismatches {
    what: String,
    lines: Vec<String>,
    indices: Vec<usize>,
    compared: usize,
}

impl Mismatches {
    /// Compares element by element: |a − b| ≤ tolerance. NaN never passes.
    pub fn of(what: &str, found: &[f64], expected: &[f64], tolerance: f64) -> Self {
        let (mut lines, mut indices) = (Vec::new(), Vec::new());
        if found.len() != expected.len() {
            lines.push(format!("{what}: {} values, expected {}", found.len(), expected.len()));
            indices.extend(0..expected.len());
        }
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            if !((a - b).abs() <= tolerance) {
                indices.push(i);
                let off = (a - b).abs();
                lines.push(format!("{what}[{i}]: {a} instead of {b}, off by {off:e} > {tolerance:e}"));
            }
        }
        Self { what: what.to_owned(), lines, indices, compared: expected.len() }
    }

    /// As [`Mismatches::of`], with a tolerance relative to the largest expected value.
    pub fn relative(what: &str, found: &[f64], expected: &[f64], tolerance: f64) -> Self {
        Self::of(what, found, expected, tolerance * largest(expected))
    }

    /// Which values differ.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// Fails if any value differs.
    pub fn assert_none(&self) {
        self.assert_at_most(0.0);
    }

    /// Fails if more than the given fraction of the values differ.
    pub fn assert_at_most(&self, fraction: f64) {
        let allowed = (fraction * self.compared as f64).floor() as usize;
        assert!(self.compared > 0, "{}: nothing was compared", self.what);
        assert!(
            self.lines.len() <= allowed,
            "{} of {} differ, {allowed} may:\n{self}",
            self.lines.len(),
            self.compared,
        );
    }
}

impl std::fmt::Display for Mismatches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// The largest absolute value.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()))
}

/// Fails with all differences beyond `atol + rtol·scale`, scale being the largest expected value; and fails if the
/// comparison itself would have let one wrong element through.
pub fn same(what: &str, found: &[f64], expected: &[f64], atol: f64, rtol: f64) {
    let tolerance = atol + rtol * largest(expected);
    Mismatches::of(what, found, expected, tolerance).assert_none();
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("{what}: largest difference {worst:.2e} of {:.3e}, {tolerance:.1e} allowed", largest(expected));
    for i in (0..found.len()).step_by(found.len().div_ceil(40)).chain([found.len() - 1]) {
        for wrong in [found[i] + 2.1 * tolerance, f64::NAN] {
            let mut changed = found.to_vec();
            changed[i] = wrong;
            let seen = Mismatches::of(what, &changed, expected, tolerance);
            assert_eq!(seen.indices(), [i], "{what}[{i}] = {wrong} passed");
        }
    }
}
