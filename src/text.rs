//! Numbers as people read them.

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    match bytes as f64 {
        b if b >= 1e9 => format!("{:.1} GB", b / 1e9),
        b if b >= 1e6 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.0} kB", b / 1e3),
    }
}

/// A duration for people.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// A number with three or four significant digits, without an exponent while that is readable.
pub fn significant(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        a if !(1e-3..1e6).contains(&a) => format!("{x:.2e}"),
        a if a >= 1000.0 => format!("{x:.0}"),
        a if a >= 100.0 => format!("{x:.1}"),
        a if a >= 0.1 => format!("{x:.2}"),
        _ => format!("{x:.4}"),
    }
}

/// Text of others, safe to show: control characters, which a terminal would obey, are written out.
pub fn printable(text: &str) -> String {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .flat_map(|c| if hidden(c) { c.escape_default().collect::<Vec<char>>() } else { vec![c] })
        .collect()
}

/// Says something to the person at the terminal, on stderr. Nobody may be there to hear it, and stderr may be a full
/// disk or a closed pipe: that is no reason to end the work.
pub fn tell(what: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "flatscape: {}", printable(what));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(printable("a\u{1b}[31mb\nc é"), "a\\u{1b}[31mb\\nc é");
    }

    #[test]
    fn numbers_are_readable() {
        for (x, text) in
            [(1637.18, "1637"), (0.0, "0"), (4.567, "4.57"), (0.0123, "0.0123"), (2.4e-11, "2.40e-11")]
        {
            assert_eq!(significant(x), text);
        }
    }
}
