//! A picture as PNG and as PDF, from its SVG.
//!
//! Text is drawn with a built-in font, so that a picture looks the same on every machine, even on a cluster node
//! without any fonts.

use std::sync::{Arc, LazyLock};

use resvg::{tiny_skia, usvg};

use crate::error::{Error, Result};

/// The letters that pictures use of DejaVu Sans; its licence stands beside it.
const FONT: &[u8] = include_bytes!("DejaVuSans-subset.ttf");

/// Pixels of a PNG to one of the SVG: 300 dots per inch in a journal's column of 89 mm.
const ENLARGED: f32 = 2.0;

static OPTIONS: LazyLock<usvg::Options<'static>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    usvg::Options {
        font_family: "DejaVu Sans".to_owned(),
        fontdb: Arc::new(fonts),
        ..usvg::Options::default()
    }
});

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Run(format!("cannot turn a plot into an image: {e}; its SVG and its data are not affected"))
}

fn tree(svg: &str) -> Result<usvg::Tree> {
    usvg::Tree::from_str(svg, &OPTIONS).map_err(failed)
}

/// The picture as PNG, with twice as many pixels each way as the SVG.
///
/// # Errors
/// [`Error::Run`] if the text is not an SVG, or the picture is too large for memory.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let tree = tree(svg)?;
    let size = tree.size().to_int_size();
    let pixels = |side: u32| (side as f32 * ENLARGED) as u32;
    let mut canvas = tiny_skia::Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or_else(|| failed("it is too large"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(ENLARGED, ENLARGED), &mut canvas.as_mut());
    canvas.encode_png().map_err(failed)
}

/// The picture as PDF, of lines and letters, not of pixels.
///
/// # Errors
/// [`Error::Run`] if the text is not an SVG.
pub fn pdf(svg: &str) -> Result<Vec<u8>> {
    let options = svg2pdf::ConversionOptions::default();
    svg2pdf::to_pdf(&tree(svg)?, options, svg2pdf::PageOptions::default()).map_err(failed)
}

/// A picture's files by name: `NAME.svg`, `NAME.png` and `NAME.pdf`.
///
/// # Errors
/// As [`png`] and [`pdf`].
pub fn files(name: &str, svg: String) -> Result<[(String, Vec<u8>); 3]> {
    let (png, pdf) = (png(&svg)?, pdf(&svg)?);
    let file = |extension: &str, bytes| (format!("{name}.{extension}"), bytes);
    Ok([file("svg", svg.into_bytes()), file("png", png), file("pdf", pdf)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(words: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"90\" height=\"20\" font-family=\"DejaVu Sans\">\
             <rect width=\"90\" height=\"20\" fill=\"#fff\"/><text x=\"2\" y=\"15\">{words}</text></svg>"
        )
    }

    #[test]
    fn a_picture_has_three_files_and_its_text_is_seen() {
        let [svg_file, png_file, pdf_file] = files("a", svg("Hz³ α ≤ − ▽")).unwrap();
        assert_eq!([&svg_file.0, &png_file.0, &pdf_file.0], ["a.svg", "a.png", "a.pdf"]);
        assert!(png_file.1.starts_with(b"\x89PNG") && pdf_file.1.starts_with(b"%PDF"));
        assert_ne!(png_file.1, png(&svg("")).unwrap(), "the text has left no trace");
    }

    #[test]
    fn every_letter_that_plots_write_is_in_the_font() {
        let nothing = png(&svg("")).unwrap();
        let missing = png(&svg("\u{4e00}")).unwrap();
        for letter in "²³⁻⁰⁹−–αΔΣτ|<·×°±≤≥∞▽→…%’".chars() {
            let drawn = png(&svg(&letter.to_string().replace('<', "&lt;"))).unwrap();
            assert!(drawn != nothing && drawn != missing, "{letter} is missing");
        }
    }

    #[test]
    fn what_is_no_svg_is_refused() {
        assert!(matches!(png("no picture"), Err(Error::Run(_))));
        assert!(matches!(pdf("<svg"), Err(Error::Run(_))));
    }
}
