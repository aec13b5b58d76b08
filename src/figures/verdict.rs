//! Verdicts: a quantity, what the paper says of it, the range that counts as agreement and why, what was measured.

use serde::Serialize;

use crate::text::{COLUMNS, significant, wrapped};

/// By what fraction a value may differ from one that was read off a printed plot.
const READING: f64 = 0.3;

/// The range that agrees with the paper, both ends included, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    low: f64,
    high: f64,
    from: &'static str,
}

impl Range {
    /// From `low` to `high`.
    pub fn new(low: f64, high: f64, from: &'static str) -> Self {
        Self { low, high, from }
    }

    /// The paper's values from `low` to `high`, positive, read off a plot.
    pub fn read_off(low: f64, high: f64) -> Self {
        Self::new((1.0 - READING) * low, (1.0 + READING) * high, "the paper's, ±30 % for reading a plot")
    }

    /// From `low` on, without an upper end.
    pub fn at_least(low: f64, from: &'static str) -> Self {
        Self::new(low, f64::INFINITY, from)
    }

    /// Up to `high`, without a lower end.
    pub fn at_most(high: f64, from: &'static str) -> Self {
        Self::new(f64::NEG_INFINITY, high, from)
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (low, high) = (significant(self.low), significant(self.high));
        match (self.low.is_finite(), self.high.is_finite()) {
            (true, true) if self.low == self.high => write!(f, "{low}"),
            (true, true) => write!(f, "{low} to {high}"),
            (true, false) => write!(f, "at least {low}"),
            (false, _) => write!(f, "at most {high}"),
        }
    }
}

/// One comparison with the paper.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Figure of the paper.
    pub figure: &'static str,
    /// What is compared, with its unit.
    pub quantity: String,
    /// What the paper says, and where.
    pub paper: &'static str,
    /// Smallest value that agrees with that; none if there is no such end.
    pub low: Option<f64>,
    /// Largest value that agrees with that; none if there is no such end.
    pub high: Option<f64>,
    /// The range in words.
    pub range: String,
    /// Where the range comes from.
    pub range_from: &'static str,
    /// What was measured here.
    pub measured: f64,
    /// 95 % error bar of it, where it is an average.
    pub error: Option<f64>,
    /// Number of independent draws of the maps behind it.
    pub realizations: usize,
    /// Whether the measured value agrees.
    pub pass: bool,
}

impl Verdict {
    /// Compares a value of one network with the range; NaN never passes.
    pub fn new(
        figure: &'static str,
        quantity: &str,
        paper: &'static str,
        range: Range,
        measured: f64,
    ) -> Self {
        Self {
            figure,
            quantity: quantity.to_owned(),
            paper,
            low: Some(range.low).filter(|x| x.is_finite()),
            high: Some(range.high).filter(|x| x.is_finite()),
            range: range.to_string(),
            range_from: range.from,
            measured,
            error: None,
            realizations: 1,
            pass: range.low <= measured && measured <= range.high,
        }
    }

    /// Adds an error bar.
    pub fn with_error(self, error: f64) -> Self {
        Self { error: error.is_finite().then_some(error), ..self }
    }

    /// The value rests on this many draws of the maps.
    pub fn over(self, realizations: usize) -> Self {
        Self { realizations, ..self }
    }
}

/// The verdicts for a terminal.
pub fn table(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for v in verdicts {
        let error = v.error.map_or(String::new(), |e| format!(" ± {}", significant(e)));
        let verdict = if v.pass { "pass" } else { "FAIL" };
        let measured = format!("{verdict}  {:4}{}: {}{error}", v.figure, v.quantity, significant(v.measured));
        let expected = format!("expected {}: {}; {}", v.range, v.paper, v.range_from);
        text.push_str(&wrapped(&measured, COLUMNS, 10));
        text.push_str(&wrapped(&format!("{:10}{expected}", ""), COLUMNS, 10));
    }
    let failed = verdicts.iter().filter(|v| !v.pass).count();
    text + &format!("{} of {} verdicts pass; {}\n", verdicts.len() - failed, verdicts.len(), basis(verdicts))
}

/// How many draws of the maps the verdicts rest on.
fn basis(verdicts: &[Verdict]) -> String {
    let single = verdicts.iter().filter(|v| v.realizations <= 1).count();
    let most = verdicts.iter().map(|v| v.realizations).max().unwrap_or(0);
    match (single, verdicts.len() - single) {
        (_, 0) => "they rest on one network".to_owned(),
        (0, _) => format!("they rest on {most} realizations of every number of maps"),
        (single, many) => format!("{many} rest on {most} realizations, {single} on one network"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_can_fail() {
        let of = |x| Verdict::new("2", "drift", "9-10 (fig. 4)", Range::read_off(9.0, 10.0), x);
        assert!(of(9.3).pass && of(6.4).pass && !of(13.1).pass && !of(6.2).pass && !of(f64::NAN).pass);
        let text = table(&[of(20.0).with_error(1.0).over(3), of(9.0)]);
        for part in
            ["FAIL  2   drift: 20.00 ± 1.00\n", "expected 6.30 to 13.00: 9-10 (fig. 4); the paper's, ±30 %"]
        {
            assert!(text.contains(part), "{part:?} is missing in {text}");
        }
        assert!(
            text.ends_with("1 of 2 verdicts pass; 1 rest on 3 realizations, 1 on one network\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
    }

    #[test]
    fn ranges_say_which_ends_they_have() {
        for (range, text) in [
            (Range::read_off(1.0, 3.0), "0.70 to 3.90"),
            (Range::at_most(3.9, ""), "at most 3.90"),
            (Range::at_least(3.0, ""), "at least 3.00"),
            (Range::new(0.0, 0.0, ""), "0"),
        ] {
            assert_eq!(range.to_string(), text);
        }
        assert!(!Verdict::new("6", "drift", "1-3", Range::read_off(1.0, 3.0), 0.1).pass);
        let below = Verdict::new("6", "drift", "", Range::at_most(3.9, ""), 0.1);
        assert_eq!((below.low, below.high, below.pass), (None, Some(3.9), true));
    }
}
