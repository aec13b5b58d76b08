//! How a curve looks: one look for one meaning, everywhere in this program.
//!
//! The colours can be told apart by the colour-blind (Okabe & Ito). Curves differ in mark and dash too, for print
//! without colour.

use std::fmt;

/// A colour, red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl fmt::Display for Colour {
    /// As SVG and CSS write it: `#d55e00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The mark at a measured point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A filled circle.
    Circle,
    /// A filled square.
    Square,
    /// A filled triangle that points up.
    Triangle,
    /// A filled square on its corner.
    Diamond,
    /// An upright cross.
    Plus,
    /// A diagonal cross.
    Cross,
    /// An open circle.
    Ring,
}

/// Colour, mark and dash of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its colour.
    pub colour: Colour,
    /// Its mark, where points are measured.
    pub mark: Mark,
    /// Lengths of dashes and gaps (pixels), as SVG's `stroke-dasharray`; empty for an unbroken line.
    pub dash: &'static str,
}

const fn look(colour: Colour, mark: Mark, dash: &'static str) -> Look {
    Look { colour, mark, dash }
}

/// No flattening.
pub const NONE: Look = look(Colour(213, 94, 0), Mark::Circle, "");
/// Flattened at idealized bumps.
pub const IDEALIZED: Look = look(Colour(0, 114, 178), Mark::Square, "9 3");
/// Flattened at constrained minima.
pub const CONSTRAINED: Look = look(Colour(0, 158, 115), Mark::Triangle, "5 3");
/// Flattened at constrained minima of the `kkt` definition, where both are shown.
pub const KKT: Look = look(Colour(204, 121, 167), Mark::Diamond, "2 2");
/// For reference.
pub const REFERENCE: Look = look(Colour(90, 90, 90), Mark::Plus, "8 3 2 3");
/// For a fifth curve.
pub const FIFTH: Look = look(Colour(86, 180, 233), Mark::Cross, "12 3");
/// For a sixth curve.
pub const SIXTH: Look = look(Colour(230, 159, 0), Mark::Ring, "6 2 2 2");

/// Looks for a numbered series, such as weight updates.
pub const IN_ORDER: [Look; 6] = [NONE, SIXTH, CONSTRAINED, FIFTH, IDEALIZED, KKT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_differ_in_colour_in_mark_and_in_dash() {
        let looks = [NONE, IDEALIZED, CONSTRAINED, KKT, REFERENCE, FIFTH, SIXTH];
        for (i, a) in looks.iter().enumerate() {
            for b in &looks[..i] {
                assert!(a.colour != b.colour && a.mark != b.mark && a.dash != b.dash, "{a:?} {b:?}");
            }
        }
        assert_eq!(NONE.colour.to_string(), "#d55e00");
    }
}
