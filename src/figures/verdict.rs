//! Verdicts: a quantity, what the paper says of it, what was measured.

use serde::Serialize;

use crate::text::significant;

/// One comparison with the paper.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Figure of the paper.
    pub figure: &'static str,
    /// What is compared, with its unit.
    pub quantity: String,
    /// What the paper says, and where.
    pub paper: &'static str,
    /// Smallest value that agrees with that.
    pub low: f64,
    /// Largest value that agrees with that.
    pub high: f64,
    /// What was measured here.
    pub measured: f64,
    /// 95 % error bar of it, where it is an average.
    pub error: Option<f64>,
    /// Whether the measured value agrees.
    pub pass: bool,
}

impl Verdict {
    /// Compares `measured` with the closed range; NaN never passes.
    pub fn new(
        figure: &'static str,
        quantity: &str,
        paper: &'static str,
        range: (f64, f64),
        measured: f64,
    ) -> Self {
        let (low, high) = range;
        let pass = low <= measured && measured <= high;
        Self { figure, quantity: quantity.to_owned(), paper, low, high, measured, error: None, pass }
    }

    /// Adds an error bar.
    pub fn with_error(self, error: f64) -> Self {
        Self { error: error.is_finite().then_some(error), ..self }
    }
}

/// The verdicts for a terminal.
pub fn table(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for v in verdicts {
        let error = v.error.map_or(String::new(), |e| format!(" ± {}", significant(e)));
        let range = match (v.low.is_finite(), v.high.is_finite()) {
            (true, true) if v.low == v.high => significant(v.low),
            (true, true) => format!("{} to {}", significant(v.low), significant(v.high)),
            (true, false) => format!("at least {}", significant(v.low)),
            _ => format!("at most {}", significant(v.high)),
        };
        let verdict = if v.pass { "pass" } else { "FAIL" };
        text.push_str(&format!(
            "{verdict}  {:4}{}: {}{error}; expected {range} ({})\n",
            v.figure,
            v.quantity,
            significant(v.measured),
            v.paper
        ));
    }
    let failed = verdicts.iter().filter(|v| !v.pass).count();
    text + &format!("{} of {} verdicts pass\n", verdicts.len() - failed, verdicts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_can_fail() {
        let of = |x| Verdict::new("2", "drift", "9-10", (7.0, 13.0), x).pass;
        assert!(of(9.3) && of(7.0) && !of(13.1) && !of(f64::NAN));
        let text = table(&[Verdict::new("2", "drift", "9-10", (7.0, 13.0), 20.0).with_error(1.0)]);
        assert!(text.contains("FAIL") && text.contains("20.00 ± 1.00; expected 7.00 to 13.00"), "{text}");
    }
}
