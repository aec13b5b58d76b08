//! What a key may be: which values are taken, and how errors and the reference say so.

use toml::Value;
use toml::de::DeValue;

/// What a key may be.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// A whole number, both ends included.
    Whole(u64, u64),
    /// A number, both ends included.
    Number(f64, f64),
    /// A number, the lower end left out.
    Above(f64, f64),
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// The path of a file, with what the file holds.
    File(&'static str),
    /// A number, both ends included, or the path of a file, with what it holds.
    NumberOrFile(f64, f64, &'static str),
    /// A list of at least one number and at most this many, both ends included.
    Numbers(f64, f64, usize),
    /// A whole number, both ends included, or this word.
    WholeOrWord(u64, u64, &'static str),
    /// A list of at least one whole number, both ends included, none repeated.
    Wholes(u64, u64),
    /// As [`Values::Wholes`], and the list may be empty.
    WholesOrNone(u64, u64),
    /// A list of at least one of these words, none repeated.
    Words(&'static [&'static str]),
}

impl Values {
    /// The value, if it is one of these.
    pub(super) fn check(self, value: &DeValue<'_>) -> Option<Value> {
        match self {
            Values::Whole(from, to) => whole(value).filter(|x| (from..=to).contains(x)).and_then(whole_value),
            Values::Number(from, to) => number(value).filter(|x| (from..=to).contains(x)).map(Value::Float),
            Values::Above(from, to) => number(value).filter(|&x| x > from && x <= to).map(Value::Float),
            Values::Flag => value.as_bool().map(Value::Boolean),
            Values::Word(words) => value.as_str().filter(|w| words.contains(w)).map(Value::from),
            Values::File(_) => value.as_str().filter(|path| !path.is_empty()).map(Value::from),
            Values::NumberOrFile(from, to, what) => {
                Values::Number(from, to).check(value).or_else(|| Values::File(what).check(value))
            }
            Values::Numbers(from, to, most) => {
                let elements = value.as_array()?.iter().map(|e| Values::Number(from, to).check(e.get_ref()));
                let elements: Vec<Value> = elements.collect::<Option<_>>()?;
                (1..=most).contains(&elements.len()).then_some(Value::Array(elements))
            }
            Values::WholeOrWord(from, to, word) => Values::Whole(from, to)
                .check(value)
                .or_else(|| value.as_str().filter(|w| *w == word).map(Value::from)),
            Values::Wholes(from, to) => list(value, Values::Whole(from, to), 1),
            Values::WholesOrNone(from, to) => list(value, Values::Whole(from, to), 0),
            Values::Words(words) => list(value, Values::Word(words), 1),
        }
    }
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn whole_value(number: u64) -> Option<Value> {
    i64::try_from(number).ok().map(Value::Integer)
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
        _ => None,
    }
}

/// A list of at least `least` elements, none repeated.
fn list(value: &DeValue<'_>, element: Values, least: usize) -> Option<Value> {
    let elements: Vec<Value> =
        value.as_array()?.iter().map(|e| element.check(e.get_ref())).collect::<Option<_>>()?;
    let distinct = elements.iter().enumerate().all(|(i, e)| !elements[..i].contains(e));
    (distinct && elements.len() >= least).then_some(Value::Array(elements))
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |words: &[&str]| words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>();
        match self {
            Values::Whole(from, to) => write!(f, "a whole number from {from} to {to}"),
            Values::Number(from, to) => write!(f, "a number from {from} to {to}"),
            Values::Above(from, to) => write!(f, "a number above {from}, at most {to}"),
            Values::Flag => write!(f, "true or false"),
            Values::Word(words) => match quoted(words).split_last() {
                Some((last, first)) if !first.is_empty() => write!(f, "{} or {last}", first.join(", ")),
                Some((only, _)) => write!(f, "{only}"),
                None => Ok(()),
            },
            Values::File(what) => write!(f, "the path of {what}"),
            Values::NumberOrFile(from, to, what) => {
                write!(f, "a number from {from} to {to}, or the path of {what}")
            }
            Values::Numbers(from, to, most) => {
                write!(f, "a list of at most {most} numbers from {from} to {to}")
            }
            Values::WholeOrWord(from, to, word) => {
                write!(f, "a whole number from {from} to {to}, or \"{word}\"")
            }
            Values::Wholes(from, to) => {
                write!(f, "a list of whole numbers from {from} to {to}, without repeats")
            }
            Values::WholesOrNone(from, to) => {
                write!(f, "a list of whole numbers from {from} to {to}, without repeats, or []")
            }
            Values::Words(words) => write!(f, "a list of {}, without repeats", quoted(words).join(", ")),
        }
    }
}
