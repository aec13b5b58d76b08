//! One HTML page about a run or a scan that needs nothing but a browser: style, script and numbers are inside.

mod floor;
mod gallery;
mod manifold;
mod numbers;
mod run;
mod scan;
pub mod sheets;
mod surfaces;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::error::{Error, Result};
use crate::manifold::Vector;
use crate::plot::look::{self, Look};
use crate::text::significant;

const STYLE: &str = include_str!("style.css");
const SHARED: &str = include_str!("shared.js");

/// Colours of the page's plots, under the names that style and script use.
const COLOURS: [(&str, Look); 5] = [
    ("none", look::NONE),
    ("idealized", look::IDEALIZED),
    ("constrained", look::CONSTRAINED),
    ("between", look::FIFTH),
    ("reference", look::REFERENCE),
];

/// The page about a run directory or a scan directory.
///
/// # Errors
/// [`Error::Data`] if the directory is neither, or a file in it is damaged.
pub fn page(path: &Path) -> Result<String> {
    if path.join("manifest.json").exists() {
        run::page(path)
    } else if path.join("trials").is_dir() {
        scan::page(path)
    } else {
        Err(Error::data(
            path,
            "is neither a run nor a scan (it has no manifest.json and no trials/); give the directory of a run or a scan",
        ))
    }
}

/// A position, for people.
fn position([x, y]: Vector, dimension: usize) -> String {
    if dimension == 1 { significant(x) } else { format!("({}, {})", significant(x), significant(y)) }
}

/// A whole page around its content.
fn layout(title: &str, content: &Markup) -> String {
    let colours: String = COLOURS.iter().map(|(name, look)| format!("--{name}: {}; ", look.colour)).collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                // Browsers ask a server for an icon unless the page has one.
                link rel="icon" href="data:,";
                style { (PreEscaped(format!(":root {{ {colours}}}\n{STYLE}"))) }
            }
            body {
                main { (content) }
            }
        }
    }
    .into_string()
}

/// A table with a header line; scrolls sideways where the screen is narrow.
fn table<T: AsRef<str>>(header: &[T], rows: &[Vec<String>]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Table" {
            table {
                thead { tr { @for cell in header { th scope="col" { (cell.as_ref()) } } } }
                tbody {
                    @for row in rows { tr { @for cell in row { td { (cell) } } } }
                }
            }
        }
    }
}

/// Names and values.
fn facts(rows: &[(&str, String)]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Table" {
            table.left {
                @for (name, value) in rows { tr { th scope="row" { (name) } td { code { (value) } } } }
            }
        }
    }
}

/// The configuration, folded away.
fn configuration(toml: &str) -> Markup {
    html! {
        details { summary { "Configuration, as resolved" } pre { (toml) } }
    }
}

/// What the scripts of a page share; it comes before them.
fn shared_script() -> Markup {
    html! { script { (PreEscaped(SHARED)) } }
}

/// A page about maps of two dimensions and nothing else.
pub fn sheets_page(title: &str, sheets: &sheets::Sheets) -> String {
    layout(title, &html! { h1 { (title) } (shared_script()) (sheets.section(0)) (colophon()) })
}

/// This program, its version, and the paper.
fn colophon() -> Markup {
    html! {
        p.soft {
            "Page written by flatscape " (env!("CARGO_PKG_VERSION")) ". The method: H. Agmon and Y. Burak, "
            em { "Simultaneous embedding of multiple attractor manifolds in a recurrent neural network using constrained gradient optimization" }
            ", NeurIPS 2023, arXiv 2310.18708."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = page(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Data { .. }) && error.to_string().contains("directory"), "{error}");
    }

    #[test]
    fn what_comes_from_files_is_escaped() {
        let text = layout("<title>", &table(&["<a>"], &[vec!["<script>x".to_owned()]]));
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;x"), "{text}");
    }
}
