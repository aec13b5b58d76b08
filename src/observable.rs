//! What is measured: each figure stands once in the code, with its name, unit, label, meaning, and how it is got.
//!
//! A record is declared by the macro `observables!`. From that one table come its fields, their documentation, the
//! columns of its CSV files and keys of its JSON, the labels on the terminal and in reports, the columns of a scan's
//! tables, and the dictionary of columns in the README.

use crate::text::significant;

/// One figure of a record of type `T`.
pub struct Observable<T> {
    /// Column of a CSV file and key in JSON.
    pub name: &'static str,
    /// What people read where the figure is shown; `{duration}` stands for the length of the trajectories.
    pub label: &'static str,
    /// 1 for a pure number.
    pub unit: &'static str,
    /// What it is, in a sentence or two.
    pub meaning: &'static str,
    /// Whether it counts something.
    pub is_count: bool,
    /// Where people see it.
    pub shown: Shown,
    /// The figure of a record that has it.
    pub of: fn(&T) -> Option<f64>,
}

impl<T> Clone for Observable<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Observable<T> {}

/// Where a figure is shown, beside the files that hold all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In the closing table on the terminal, and in reports.
    First,
    /// In reports, and where a measurement is shown by itself.
    Report,
    /// In files alone.
    File,
}

impl<T> Observable<T> {
    /// The label with the unit, as on an axis or over a column.
    pub fn title(&self) -> String {
        match (self.unit, self.label.strip_suffix(')')) {
            ("1", _) => self.label.to_owned(),
            (unit, Some(label)) => format!("{label}, {unit})"),
            (unit, None) => format!("{} ({unit})", self.label),
        }
    }
}

/// The unit beside a number, in letters that every terminal has; nothing for a pure number.
pub fn plain(unit: &str) -> String {
    if unit == "1" { String::new() } else { unit.replace('²', "^2").replace('³', "^3") }
}

/// A figure before and after flattening, as people read it.
pub struct Pair {
    /// What it is.
    pub label: String,
    /// 1 for a pure number.
    pub unit: &'static str,
    /// Before any weight was changed, if that is known.
    pub before: Option<f64>,
    /// After the last weight change, if that is known.
    pub after: Option<f64>,
}

/// The figures of two records that are shown in one of some ways, in order.
pub fn pairs<T>(
    all: &[Observable<T>],
    shown: &[Shown],
    before: Option<&T>,
    after: Option<&T>,
    duration_ms: f64,
) -> Vec<Pair> {
    let duration = format!("{} s", duration_ms / 1000.0);
    let figures = all.iter().filter(|figure| shown.contains(&figure.shown));
    figures
        .map(|figure| Pair {
            label: figure.label.replace("{duration}", &duration),
            unit: figure.unit,
            before: before.and_then(figure.of),
            after: after.and_then(figure.of),
        })
        .collect()
}

/// Pairs as a table on a terminal.
pub fn table(pairs: &[Pair]) -> String {
    let cell = |x: Option<f64>| x.map_or("-".to_owned(), significant);
    let mut text = format!("{:36}{:>10}{:>10}\n", "", "before", "after");
    for Pair { label, unit, before, after } in pairs {
        let line = format!("{label:36}{:>10}{:>10}  {}", cell(*before), cell(*after), plain(unit));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A number of a record, as a figure.
pub trait Number {
    /// Whether such numbers count something.
    const IS_COUNT: bool;

    /// The number, if there is one.
    fn number(self) -> Option<f64>;
}

impl Number for f64 {
    const IS_COUNT: bool = false;

    fn number(self) -> Option<f64> {
        Some(self)
    }
}

impl Number for Option<f64> {
    const IS_COUNT: bool = false;

    fn number(self) -> Option<f64> {
        self
    }
}

impl Number for usize {
    const IS_COUNT: bool = true;

    fn number(self) -> Option<f64> {
        Some(self as f64)
    }
}

impl Number for Option<usize> {
    const IS_COUNT: bool = true;

    fn number(self) -> Option<f64> {
        self.map(|count| count as f64)
    }
}

impl Number for u64 {
    const IS_COUNT: bool = true;

    fn number(self) -> Option<f64> {
        Some(self as f64)
    }
}

/// Declares a record whose figures are [`Observable`]s.
///
/// `pub struct Record in Columns { plain { … } figures { … } }` makes the struct with a field for each figure, the struct
/// `Columns` that has each figure's [`Observable`] under the name of its field, `Record::COLUMNS`, and `Record::ALL`, all
/// of them in order. With `averages of Item`, every figure also says how it is computed from all items, and there is
/// `Record::average`.
macro_rules! observables {
    (
        averages of $item:ty;
        $(#[$outer:meta])*
        pub struct $record:ident in $columns:ident {
            figures {
                $(
                    $(#[doc = $doc:literal])+
                    [$shown:ident, $label:literal, $unit:literal]
                    $field:ident: $type:ty = $average:expr,
                )+
            }
        }
    ) => {
        $crate::observable::observables! {
            $(#[$outer])*
            pub struct $record in $columns {
                figures {
                    $( $(#[doc = $doc])+ [$shown, $label, $unit] $field: $type, )+
                }
            }
        }

        impl $record {
            /// Every figure over all items, of which there has to be one.
            fn average(items: &[&$item]) -> Self {
                $( let $field: fn(&[&$item]) -> $type = $average; )+
                Self { $( $field: $field(items), )+ }
            }
        }
    };
    (
        $(#[$outer:meta])*
        pub struct $record:ident in $columns:ident {
            $( plain { $( $(#[$inner:meta])* $plain:ident: $plain_type:ty, )* } )?
            figures {
                $(
                    $(#[doc = $doc:literal])+
                    [$shown:ident, $label:literal, $unit:literal]
                    $field:ident: $type:ty,
                )+
            }
        }
    ) => {
        $(#[$outer])*
        pub struct $record {
            $( $( $(#[$inner])* pub $plain: $plain_type, )* )?
            $( $(#[doc = $doc])+ #[doc = concat!(" Unit: ", $unit, ".")] pub $field: $type, )+
        }

        #[doc = concat!("The figures of [`", stringify!($record), "`].")]
        #[derive(Clone, Copy)]
        pub struct $columns {
            $( $(#[doc = $doc])+ pub $field: $crate::observable::Observable<$record>, )+
        }

        impl $record {
            /// Its figures, by name.
            pub const COLUMNS: $columns = $columns {
                $( $field: $crate::observable::Observable {
                    name: stringify!($field),
                    label: $label,
                    unit: $unit,
                    meaning: concat!($($doc),+),
                    is_count: <$type as $crate::observable::Number>::IS_COUNT,
                    shown: $crate::observable::Shown::$shown,
                    of: |record| $crate::observable::Number::number(record.$field),
                }, )+
            };

            /// Its figures, in the order of the columns of its files.
            pub const ALL: &'static [$crate::observable::Observable<$record>] =
                &[$( Self::COLUMNS.$field, )+];
        }
    };
}

pub(crate) use observables;

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    observables! {
        averages of f64;
        /// Averages of some numbers.
        #[derive(Serialize)]
        pub struct Averages in AverageColumns {
            figures {
                /// Their mean,
                /// over all of them.
                [First, "mean in {duration}", "Hz³"]
                mean: f64 = |all| all.iter().copied().sum::<f64>() / all.len() as f64,
                /// How many there are.
                [File, "numbers", "1"]
                count: usize = |all| all.len(),
                /// The number above which half of them lie.
                [Report, "median", "Hz"]
                median: Option<f64> = |_| None,
            }
        }
    }

    fn averages(numbers: &[f64]) -> Averages {
        Averages::average(&numbers.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_figure_is_declared_once() {
        let averages = averages(&[1.0, 2.0, 6.0]);
        let names: Vec<&str> = Averages::ALL.iter().map(|figure| figure.name).collect();
        let json = serde_json::to_value(&averages).unwrap();
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["count", "mean", "median"]);
        assert_eq!(names, ["mean", "count", "median"]);
        let values: Vec<Option<f64>> = Averages::ALL.iter().map(|figure| (figure.of)(&averages)).collect();
        assert_eq!(values, [Some(3.0), Some(3.0), None]);
        assert_eq!(Averages::COLUMNS.mean.meaning, " Their mean, over all of them.");
        assert_eq!(Averages::COLUMNS.mean.title(), "mean in {duration} (Hz³)");
        assert_eq!(Averages::COLUMNS.count.title(), "numbers");
        let label = "mean (of all)";
        assert_eq!(Observable { label, ..Averages::COLUMNS.mean }.title(), "mean (of all, Hz³)");
        assert_eq!(Averages::ALL.iter().map(|f| f.is_count).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn what_is_shown_is_chosen_and_what_is_missing_is_a_dash() {
        let (before, shown) = (averages(&[2.0]), [Shown::First, Shown::Report]);
        let pairs = pairs(Averages::ALL, &shown, Some(&before), None, 3000.0);
        let text = table(&pairs);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [
                vec!["before", "after"],
                vec!["mean", "in", "3", "s", "2.00", "-", "Hz^3"],
                vec!["median", "-", "-", "Hz"]
            ]
        );
    }
}
