//! Maps of two dimensions on a page: a chooser, landscapes before and after as heat maps on one colour scale, arrows
//! that show where bumps went, and the values under the pointer.

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::plot::{Ground, scale};

const SCRIPT: &str = include_str!("sheets.js");

/// Maps of one shape.
#[derive(Clone, Debug)]
pub struct Sheets {
    /// Sides, and which axes close upon themselves.
    pub ground: Ground,
    /// Points of each map `[points, 2]`, the same for all.
    pub positions: Vec<[f64; 2]>,
    /// Sides of the cell that shows a point's value: the points' distance along x and y.
    pub cell: [f64; 2],
    /// What the values are, with their unit.
    pub value_label: String,
    /// One entry for each map.
    pub maps: Vec<Sheet>,
}

/// One map.
#[derive(Clone, Debug, Serialize)]
pub struct Sheet {
    /// For the chooser.
    pub name: String,
    /// Landscape before flattening `[points]`, relative to the mean of all maps; NaN where it is not known.
    pub before: Vec<f64>,
    /// The same after it.
    pub after: Vec<f64>,
    /// Where bumps started and ended before flattening, `[x, y, x, y]` each.
    pub moves_before: Vec<[f64; 4]>,
    /// The same after it.
    pub moves_after: Vec<[f64; 4]>,
    /// Where bumps were in the course of time before flattening, where that was recorded: drawn in place of arrows. Places go on
    /// over joined edges.
    pub paths_before: Vec<Vec<[f64; 2]>>,
    /// The same after it.
    pub paths_after: Vec<Vec<[f64; 2]>>,
}

/// What the script reads.
#[derive(Serialize)]
struct Numbers<'a> {
    sides: [f64; 2],
    periodic: [bool; 2],
    unit: &'a str,
    value: &'a str,
    positions: &'a [[f64; 2]],
    cell: [f64; 2],
    /// Largest distance of a value from zero, over all maps, before and after; 1 if all are zero.
    reach: f64,
    /// From −reach to reach.
    colours: Vec<String>,
    maps: &'a [Sheet],
}

impl Sheets {
    /// The section with its numbers and its script, which needs `shared.js` before it; `own` tells it from others of the page.
    pub(super) fn section(&self, own: usize) -> Markup {
        let values = self.maps.iter().flat_map(|map| map.before.iter().chain(&map.after));
        let most = values.filter(|v| v.is_finite()).fold(0.0, |most: f64, v| most.max(v.abs()));
        let numbers = Numbers {
            sides: self.ground.sides,
            periodic: self.ground.periodic,
            unit: &self.ground.unit,
            value: &self.value_label,
            positions: &self.positions,
            cell: self.cell,
            reach: if most > 0.0 { most } else { 1.0 },
            colours: scale().iter().map(ToString::to_string).collect(),
            maps: &self.maps,
        };
        let json = serde_json::to_string(&numbers).expect("numbers have text keys").replace('<', "\\u003c");
        let closes = self.ground.periodic.contains(&true);
        let are_courses = |map: &Sheet| !map.paths_before.is_empty() || !map.paths_after.is_empty();
        let courses = self.maps.iter().any(are_courses);
        html! {
            section {
                h2 { "Landscapes of maps of two dimensions" }
                p {
                    "The energy of a bump held at each place of a map, before and after flattening, on one colour scale for all "
                    "maps. "
                    @if courses { "Lines are the ways that bumps took, by the population vector, with a head where they ended" }
                    @else { "Arrows show where bumps went" }
                    "; a dot is a bump that stayed."
                    @if closes { " Dashed edges: the map continues at the opposite edge." }
                }
                div.controls {
                    label { "Map " select id={ "sheet-" (own) } {
                        @for (index, map) in self.maps.iter().enumerate() { option value=(index) { (map.name) } }
                    } }
                    label { input type="checkbox" id={ "moves-" (own) } checked; (if courses { " with the bumps' ways" } else { " with arrows" }) }
                }
                noscript { p.warning { "The plots need JavaScript; the tables do not." } }
                div.sheets {
                    figure { figcaption { "before" } svg.sheet id={ "sheet-before-" (own) } role="img" aria-label="Landscape before flattening" {} }
                    figure { figcaption { "after" } svg.sheet id={ "sheet-after-" (own) } role="img" aria-label="Landscape after flattening" {} }
                }
                svg.scale id={ "sheet-scale-" (own) } role="img" aria-label="Colours of the values" {}
                p.soft id={ "pointed-" (own) } aria-live="polite" { "Point at a place to read its values." }
            }
            script type="application/json" id={ "sheets-" (own) } { (PreEscaped(json)) }
            script data-own=(own) { (PreEscaped(SCRIPT)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_a_chooser_and_every_number() {
        let sheet = |name: &str| Sheet {
            name: name.to_owned(),
            before: vec![1.0, -7.5, f64::NAN, 0.0],
            after: vec![0.5; 4],
            moves_before: vec![[0.0, 0.0, 1.0, 1.0]],
            moves_after: Vec::new(),
            paths_before: vec![vec![[0.0, 0.0], [0.5, 0.0], [1.0, 1.0]]],
            paths_after: Vec::new(),
        };
        let sheets = Sheets {
            ground: Ground { sides: [2.0, 2.0], periodic: [true, false], unit: "</script>".to_owned() },
            positions: vec![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]],
            cell: [1.0, 1.0],
            value_label: "E − mean (Hz³)".to_owned(),
            maps: vec![sheet("map 0"), sheet("map 1")],
        };
        let page = sheets.section(3).into_string();
        assert_eq!(page.matches("<option").count(), 2);
        let json = page.split("id=\"sheets-3\">").nth(1).unwrap().split("</script>").next().unwrap();
        let numbers: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(numbers["reach"], 7.5);
        assert!(page.contains("with the bumps' ways") && !page.contains("Arrows show"), "{page}");
        assert_eq!(numbers["maps"][0]["paths_before"][0][1], serde_json::json!([0.5, 0.0]));
        assert_eq!(numbers["maps"][1]["before"], serde_json::json!([1.0, -7.5, null, 0.0]));
        assert_eq!((&numbers["unit"], numbers["periodic"][0].as_bool()), (&"</script>".into(), Some(true)));
    }
}
