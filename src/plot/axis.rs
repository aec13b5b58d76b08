//! Axes: what they span, where their ticks stand, where a value lies between their ends.

/// Values below this fraction of the largest lie below a logarithmic axis: what is left of a quantity there is rounding
/// (doubles carry 16 digits), and an axis of that many decades would hide what differs.
const LEAST_SHOWN: f64 = 1e-8;

/// Ticks that an axis aims at.
const TICKS: f64 = 6.0;

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// Value at its beginning.
    pub low: f64,
    /// Value at its end.
    pub high: f64,
    /// Values with a tick, ascending.
    pub ticks: Vec<f64>,
    logarithmic: bool,
}

impl Axis {
    /// A linear axis from `low` to `high`; only whole numbers have ticks if `whole`.
    pub fn linear(low: f64, high: f64, whole: bool) -> Self {
        let rough = (high - low) / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough);
        let step = step.unwrap_or(rough).max(if whole { 1.0 } else { 0.0 });
        let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
        let ticks = (first..=last).map(|k| k as f64 * step).collect();
        Self { low, high, ticks, logarithmic: false }
    }

    /// A linear axis from 0 on without ticks: its neighbour shows them.
    pub fn unlabelled(high: f64) -> Self {
        Self { low: 0.0, high, ticks: Vec::new(), logarithmic: false }
    }

    /// The same axis with one in `stride` of its ticks, the first included.
    pub fn every(mut self, count: usize) -> Self {
        self.ticks = self.ticks.into_iter().step_by(count).collect();
        self
    }

    /// A linear axis around values, with a margin at both ends; `bottom` fixes its beginning.
    pub fn around(values: impl Iterator<Item = f64>, bottom: Option<f64>) -> Self {
        let (low, high) = range(values);
        let low = bottom.unwrap_or(low - 0.05 * (high - low));
        Self::linear(low, high + 0.08 * (high - low), false)
    }

    /// A logarithmic axis of whole decades around the positive values, leaving out those that are tiny beside the
    /// largest.
    pub fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|&y| y > 0.0 && y.is_finite()).collect();
        let high = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
        let low = values.into_iter().filter(|&y| y >= LEAST_SHOWN * high).reduce(f64::min).unwrap_or(0.1);
        let first = low.log10().floor() as i32;
        let last = (high.log10().ceil() as i32).max(first + 1);
        let every = (last - first + 6) / 7;
        let within: &[f64] = if last - first <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = (first..=last).step_by(every.max(1) as usize);
        let ticks: Vec<f64> = decades.flat_map(|e| within.iter().map(move |m| m * 10_f64.powi(e))).collect();
        let (low, high) = (10_f64.powi(first), 10_f64.powi(last));
        Self { low, high, ticks: ticks.into_iter().filter(|&t| t <= high).collect(), logarithmic: true }
    }

    /// Where a value lies: 0 at the beginning, 1 at the end; `None` where the axis cannot show it.
    pub fn place(&self, value: f64) -> Option<f64> {
        let at = self.reckoned(value);
        (at.is_finite() && at >= -1e-9).then_some(at)
    }

    /// The same beyond the ends too, for what is cut off there.
    pub fn reckoned(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Whether a finite value lies below the axis: on a logarithmic one because it is zero, negative, or too small.
    pub fn is_below(&self, value: f64) -> bool {
        value.is_finite() && self.place(value).is_none()
    }

    /// Labels of the ticks, with as many decimals as their distance needs.
    pub fn labels(&self) -> Vec<String> {
        let step = self.ticks.windows(2).map(|w| w[1] - w[0]).fold(f64::INFINITY, f64::min);
        self.ticks.iter().map(|&t| label(t, if self.logarithmic { t } else { step })).collect()
    }
}

/// Smallest and largest finite value, apart.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => (low, high),
        Some(std::cmp::Ordering::Equal) => {
            // A spread large enough to survive addition.
            let spread = 0.5_f64.max(1e-9 * low.abs());
            (low - spread, high + spread)
        }
        _ => (0.1, 1.0),
    }
}

/// A tick's label: decimals as the distance `step` to its neighbours needs, powers of ten where zeros would crowd.
pub(super) fn label(value: f64, step: f64) -> String {
    let size = value.abs();
    if size < 1e-9 * step {
        return "0".to_owned();
    }
    if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits: f64 = digits.parse().unwrap_or(1.0);
        let digits = ((1e6 * digits).round() / 1e6).to_string().replace('-', "−");
        let power = format!("10{}", raised(exponent));
        return match digits.as_str() {
            "1" => power,
            "−1" => format!("−{power}"),
            _ => format!("{digits}·{power}"),
        };
    }
    let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}").replace('-', "−")
}

fn raised(exponent: &str) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => char::from_u32(0x2070 + c.to_digit(10).unwrap_or(0)).unwrap_or(c),
    };
    exponent.chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_ticks_where_there_are_no_others() {
        assert_eq!(Axis::linear(0.98, 2.02, true).labels(), ["1", "2"]);
        assert_eq!(Axis::linear(0.94, 4.06, true).labels(), ["1", "2", "3", "4"]);
        assert_eq!(Axis::linear(0.0, 20.4, true).ticks, [0.0, 5.0, 10.0, 15.0, 20.0]);
        let from_zero = Axis::around([-0.5, 2.0].into_iter(), Some(0.0));
        assert!(from_zero.is_below(-0.5) && !from_zero.is_below(0.0) && !from_zero.is_below(2.0));
        assert_eq!(Axis::linear(0.0, 1.0, false).labels(), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn zero_and_less_have_no_place_on_a_logarithmic_axis() {
        let axis = Axis::logarithmic([0.0, -3.0, 0.02, 700.0].into_iter());
        assert_eq!((axis.low, axis.high), (0.01, 1000.0));
        assert_eq!([0.0, -3.0, 0.009].map(|y| axis.place(y)), [None; 3]);
        assert_eq!([0.0, 0.02, f64::NAN].map(|y| axis.is_below(y)), [true, false, false]);
        assert!((axis.place(1.0).unwrap() - 0.4).abs() < 1e-12 && axis.place(0.01).is_some());
        // Rounding is not worth an axis of twelve decades.
        let deep = Axis::logarithmic([1e-12, 0.2, 1.0].into_iter());
        assert!(deep.is_below(1e-12) && deep.low == 0.1, "{deep:?}");
    }

    #[test]
    fn short_logarithmic_axes_have_ticks_within_their_decades() {
        assert_eq!(Axis::logarithmic([3.0, 7.0].into_iter()).labels(), ["1", "2", "5", "10"]);
        assert_eq!(Axis::logarithmic([5.0].into_iter()).low, 1.0);
        assert!(Axis::logarithmic([1e-8, 1.0].into_iter()).ticks.len() <= 7);
        assert_eq!(Axis::logarithmic(std::iter::empty()).labels(), ["0.1", "0.2", "0.5", "1"]);
    }

    #[test]
    fn labels_are_readable() {
        let texts = [(0.0, 1.0), (-1500.0, 500.0), (2.5, 0.5), (2e5, 1e5), (1e-4, 1e-4), (-1e6, 1e6)];
        let expected = ["0", "−1500", "2.5", "2·10⁵", "10⁻⁴", "−10⁶"];
        assert_eq!(texts.map(|(value, step)| label(value, step)), expected);
    }
}
