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

/// Columns that a terminal has at least.
pub const COLUMNS: usize = 80;

/// Says something to the person at the terminal, on stderr. Nobody may be listening, or stderr may be a closed pipe or
/// a file on a full disk: that is no reason to stop the work.
pub fn tell(what: &str) {
    say(&format!("flatscape: {what}"));
}

/// As [`tell`], without the program's name.
pub fn say(line: &str) {
    use std::io::{IsTerminal, Write};
    let (line, mut stderr) = (printable(line), std::io::stderr());
    let text = if stderr.is_terminal() { wrapped(&line, COLUMNS, 0) } else { line + "\n" };
    let _ = stderr.write_all(text.as_bytes());
}

/// A line broken between words to fit into `width` columns, with everything after the first break indented. A longer
/// word stays whole. Ends with a line break.
pub fn wrapped(line: &str, width: usize, indent: usize) -> String {
    let start = line.len() - line.trim_start().len();
    let (mut text, mut column) = (" ".repeat(start), start);
    let mut fresh = true;
    for word in line[start..].split(' ') {
        let length = word.chars().count();
        if !fresh && column + 1 + length > width {
            text = text.trim_end().to_owned() + "\n" + &" ".repeat(indent);
            (column, fresh) = (indent, true);
        }
        if !fresh {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
        fresh = false;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(printable("a\u{1b}[31mb\nc é"), "a\\u{1b}[31mb\\nc é");
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(wrapped("time    1 s", 20, 8), "time    1 s\n");
        assert_eq!(
            wrapped("memory  one two three four", 16, 8),
            "memory  one two\n        three\n        four\n"
        );
        assert_eq!(wrapped("  a unbreakable", 5, 2), "  a\n  unbreakable\n");
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
