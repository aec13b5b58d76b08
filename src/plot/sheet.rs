//! Pictures of maps of two dimensions: landscapes as heat maps, fields of arrows, trajectories.
//!
//! Positions are the map's own coordinates `(x, y)`, in its unit of length. Where an axis closes upon itself, what
//! leaves over one edge continues at the other, and the edge is drawn dashed.

use std::f64::consts::PI;

use maud::{Markup, html};

use super::axis::Axis;
use super::look::{Colour, Look};
use super::panel::{BELOW, Frame, LETTER, LINE, Sample, Surroundings, TEXT, axes, path, text, wrapped};

/// Room of the colour bar with its labels (pixels).
const BAR_ROOM: f64 = 108.0;

/// Width of the colour bar (pixels).
const BAR: f64 = 16.0;

/// Largest height of a panel's data (pixels).
const MOST_HEIGHT: f64 = 420.0;

/// Radius of a dot (pixels), and the part of a panel that all dots may cover.
const DOT: f64 = 3.0;
const COVERED: f64 = 0.04;

/// Number of colour steps in a heat map: enough for the eye, and all cells of one step can be drawn as one shape.
const STEPS: usize = 64;

/// ColorBrewer's RdBu, from the lowest value by zero to the highest; the colour-blind see which side of zero it is.
const SCALE: [Colour; 5] = [
    Colour(33, 102, 172),
    Colour(146, 197, 222),
    Colour(247, 247, 247),
    Colour(244, 165, 130),
    Colour(178, 24, 43),
];

/// A map's ground: how long its sides are and how it closes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ground {
    /// Lengths of the sides, x and y.
    pub sides: [f64; 2],
    /// Which of the axes close upon themselves; a torus: both.
    pub periodic: [bool; 2],
    /// Name of the unit of length.
    pub unit: String,
}

/// Something drawn on a map.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Values at points, as coloured cells.
    Values {
        /// `[points, 2]`.
        positions: Vec<[f64; 2]>,
        /// `[points]`; what is not finite leaves its cell empty.
        values: Vec<f64>,
        /// Sides of a cell: the points' distance along x and y.
        cell: [f64; 2],
    },
    /// An arrow for each start, along the shortest way to its end.
    Arrows {
        /// Colour.
        look: Look,
        /// `[arrows, 2]`.
        starts: Vec<[f64; 2]>,
        /// `[arrows, 2]`.
        ends: Vec<[f64; 2]>,
    },
    /// Trajectories, from place to place by the shortest way, with a dot at each beginning.
    Paths {
        /// Colour and dash.
        look: Look,
        /// `[trajectories][times, 2]`.
        paths: Vec<Vec<[f64; 2]>>,
    },
    /// Places, as dots: the smaller the more there are.
    Dots {
        /// Colour.
        look: Look,
        /// `[places, 2]`.
        at: Vec<[f64; 2]>,
    },
}

/// One map with what is drawn on it.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above the map.
    pub label: String,
    /// Drawn in order.
    pub layers: Vec<Layer>,
}

/// Maps of two dimensions, two beside each other, all values on one colour scale, which is symmetric about zero.
#[derive(Clone, Debug)]
pub struct SheetPlot {
    /// What is shown.
    pub title: String,
    /// How it was measured.
    pub note: String,
    /// The same for all panels.
    pub ground: Ground,
    /// What values are, with their unit; for the colour bar.
    pub value_label: String,
    /// Names of layers of dots, for the legend.
    pub legend: Vec<(String, Look)>,
    /// In order of reading.
    pub panels: Vec<Panel>,
}

impl Ground {
    /// The shortest way from one position to another, as a displacement.
    pub fn way(&self, from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| {
            let way = to[axis] - from[axis];
            let side = self.sides[axis];
            if self.periodic[axis] { way - side * (way / side).round() } else { way }
        })
    }

    /// The same position on the map itself: from 0 on and less than a side, where an axis closes.
    fn inside(&self, at: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| if self.periodic[axis] { at[axis].rem_euclid(self.sides[axis]) } else { at[axis] })
    }

    /// Displacements by whole sides under which a box that begins on the map is seen on it, itself first.
    fn copies(&self, low: [f64; 2], high: [f64; 2]) -> Vec<[f64; 2]> {
        let along = |axis: usize| -> Vec<f64> {
            let side = self.sides[axis];
            let shifts = [0.0, -side, side].into_iter().take(if self.periodic[axis] { 3 } else { 1 });
            shifts.filter(|s| *s == 0.0 || (low[axis] + s < side && high[axis] + s > 0.0)).collect()
        };
        along(0).into_iter().flat_map(|x| along(1).into_iter().map(move |y| [x, y])).collect()
    }

    /// The pieces of a straight way on the map: itself, and where it continues behind an edge.
    fn pieces(&self, from: [f64; 2], way: [f64; 2]) -> Vec<([f64; 2], [f64; 2])> {
        let from = self.inside(from);
        let to = [0, 1].map(|axis| from[axis] + way[axis]);
        let (low, high) = ([0, 1].map(|a| from[a].min(to[a])), [0, 1].map(|a| from[a].max(to[a])));
        let copies = self.copies(low, high).into_iter();
        copies.map(|by| ([0, 1].map(|a| from[a] + by[a]), [0, 1].map(|a| to[a] + by[a]))).collect()
    }
}

impl SheetPlot {
    /// The picture as SVG.
    pub fn svg(&self) -> String {
        let mut notes = vec![self.note.clone()];
        if self.ground.periodic.contains(&true) {
            notes.push("Dashed edges: the map continues at the opposite edge.".to_owned());
        }
        notes.retain(|note| !note.is_empty());
        let legend = self.legend.iter().map(|(name, look)| (name.as_str(), *look, Sample::Dot)).collect();
        Surroundings { title: &self.title, notes, legend }.svg(|top| self.drawn(top))
    }

    /// Largest distance of a value from zero, or 1 if all are zero; `None` without values.
    fn reach(&self) -> Option<f64> {
        let layers = self.panels.iter().flat_map(|panel| &panel.layers);
        let values = layers.flat_map(|layer| match layer {
            Layer::Values { values, .. } => values.as_slice(),
            _ => &[],
        });
        let reach = values.filter(|v| v.is_finite()).map(|v| v.abs()).reduce(f64::max);
        reach.map(|most| if most > 0.0 { most } else { 1.0 })
    }

    fn drawn(&self, top: f64) -> (Markup, f64) {
        let columns = self.panels.len().clamp(1, 2);
        let reach = self.reach();
        let bar = if reach.is_some() { BAR_ROOM } else { 0.0 };
        let [wide, high] = self.ground.sides;
        let y = || Axis::linear(0.0, high, false);
        let first = Frame::below(top, 1.0, Axis::linear(0.0, wide, false), y());
        let gap = 24.0;
        let room = (first.width - bar - gap * (columns as f64 - 1.0)) / columns as f64;
        let scale = (room / wide).min(MOST_HEIGHT / high);
        let (width, height) = (scale * wide, scale * high);
        let lines = self.panels.iter().map(|p| wrapped(&p.label, width, TEXT).len()).max().unwrap_or(1);
        let above = 6.0 + LINE * lines as f64;
        let step = height + BELOW + above + 8.0;
        let frames: Vec<Frame> = (0..self.panels.len())
            .map(|i| Frame {
                left: first.left + (width + gap) * (i % columns) as f64,
                top: top + above + step * (i / columns) as f64,
                width,
                height,
                x: sparse(wide, width),
                y: if i % columns == 0 { y() } else { Axis::unlabelled(high) },
            })
            .collect();
        let rows = self.panels.len().div_ceil(columns);
        let picture = html! {
            @for (i, (panel, frame)) in self.panels.iter().zip(&frames).enumerate() {
                (self.panel(panel, frame, i % columns == 0, reach))
            }
            @if let (Some(reach), Some(frame)) = (reach, frames.first()) {
                (self.bar(first.left + (width + gap) * columns as f64 - 6.0, frame, reach))
            }
        };
        (picture, top + step * rows as f64)
    }

    fn panel(&self, panel: &Panel, frame: &Frame, labelled: bool, reach: Option<f64>) -> Markup {
        let Frame { left, top, width, height, .. } = *frame;
        let clip = format!("clip-{left:.0}-{top:.0}");
        let label = wrapped(&panel.label, width, TEXT);
        let lines = label.len();
        let (x, y) = (format!("x ({})", self.ground.unit), format!("y ({})", self.ground.unit));
        html! {
            @for (i, line) in label.iter().enumerate() {
                (text(left + 0.5 * width, top - 9.0 - LINE * (lines - 1 - i) as f64, "middle", line, TEXT))
            }
            (axes(frame, &x, if labelled { &y } else { "" }))
            clipPath id=(clip) {
                rect x=(format!("{left:.1}")) y=(format!("{top:.1}")) width=(format!("{width:.1}")) height=(format!("{height:.1}")) {}
            }
            g class="sheet" clip-path=(format!("url(#{clip})")) {
                @for layer in &panel.layers { (self.layer(layer, frame, reach)) }
            }
            (self.edges(frame))
        }
    }

    fn layer(&self, layer: &Layer, frame: &Frame, reach: Option<f64>) -> Markup {
        match layer {
            Layer::Values { positions, values, cell } => match reach {
                Some(reach) => self.cells(positions, values, *cell, frame, reach),
                None => html! {},
            },
            Layer::Arrows { look, starts, ends } => html! {
                @for (&start, &end) in starts.iter().zip(ends) {
                    (arrow(&self.ground.pieces(start, self.ground.way(start, end)), *look, frame))
                }
            },
            Layer::Paths { look, paths } => html! {
                @for places in paths { (self.path(places, *look, frame)) }
            },
            Layer::Dots { look, at } => {
                let radius = (COVERED * frame.width * frame.height / (PI * at.len() as f64)).sqrt().min(DOT);
                html! {
                    @for &place in at {
                        @let (x, y) = frame.reckoned(self.ground.inside(place));
                        circle class="dot" cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r=(format!("{radius:.2}")) fill=(look.colour) {}
                    }
                }
            }
        }
    }

    /// One shape for all cells of one colour.
    fn cells(&self, at: &[[f64; 2]], values: &[f64], cell: [f64; 2], frame: &Frame, reach: f64) -> Markup {
        let mut shapes = vec![String::new(); STEPS];
        let [w, h] = [cell[0] / frame.x.high * frame.width, cell[1] / frame.y.high * frame.height];
        for (&position, &value) in at.iter().zip(values).filter(|(_, v)| v.is_finite()) {
            let position = self.ground.inside(position);
            let low = [0, 1].map(|a| position[a] - 0.5 * cell[a]);
            let high = [0, 1].map(|a| position[a] + 0.5 * cell[a]);
            for by in self.ground.copies(low, high) {
                let (x, y) = frame.reckoned([low[0] + by[0], high[1] + by[1]]);
                // A little wider than the cell: no seams between neighbours.
                let cell = format!("M{x:.1} {y:.1}h{:.1}v{:.1}h{:.1}z", w + 0.2, h + 0.2, -(w + 0.2));
                shapes[step_of(value, reach)].push_str(&cell);
            }
        }
        html! {
            g class="cells" shape-rendering="crispEdges" {
                @for (step, d) in shapes.iter().enumerate().filter(|(_, d)| !d.is_empty()) {
                    path d=(d) fill=(colour_of(step)) {}
                }
            }
        }
    }

    fn path(&self, places: &[[f64; 2]], look: Look, frame: &Frame) -> Markup {
        let mut line = String::new();
        let mut pen: Option<[f64; 2]> = None;
        for pair in places.windows(2) {
            for (from, to) in self.ground.pieces(pair[0], self.ground.way(pair[0], pair[1])) {
                let (a, b) = (frame.reckoned(from), frame.reckoned(to));
                if pen != Some(from) {
                    line.push_str(&format!("M{:.1} {:.1}", a.0, a.1));
                }
                line.push_str(&format!("L{:.1} {:.1}", b.0, b.1));
                pen = Some(to);
            }
        }
        let start = places.first().map(|&place| frame.reckoned(self.ground.inside(place)));
        html! {
            @if !line.is_empty() { (path(&line, look, 1.5)) }
            @if let Some((x, y)) = start {
                circle class="start" cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="3" fill=(look.colour) {}
            }
        }
    }

    /// Unbroken edges end the map, dashed ones do not.
    fn edges(&self, frame: &Frame) -> Markup {
        let Frame { left, top, width, height, .. } = *frame;
        let dash = |closes: bool| closes.then_some("5 4");
        let upright = format!("M{left:.1} {top:.1}v{height:.1}m{width:.1} 0v{:.1}", -height);
        let level = format!("M{left:.1} {top:.1}h{width:.1}m0 {height:.1}h{:.1}", -width);
        html! {
            g class="edges" stroke-width="1.5" {
                path d=(upright) stroke="#ffffff" {}
                path d=(level) stroke="#ffffff" {}
                path d=(upright) stroke="#000000" stroke-dasharray=[dash(self.ground.periodic[0])] {}
                path d=(level) stroke="#000000" stroke-dasharray=[dash(self.ground.periodic[1])] {}
            }
        }
    }

    /// The colour bar, as high as a panel.
    fn bar(&self, left: f64, frame: &Frame, reach: f64) -> Markup {
        let axis = Axis::linear(-reach, reach, false);
        let height = frame.height / STEPS as f64;
        let place = |value: f64| frame.top + frame.height * (1.0 - axis.place(value).unwrap_or(0.0));
        let letters = axis.labels().iter().map(|l| l.chars().count()).max().unwrap_or(1);
        let ticks = axis.ticks.iter().zip(axis.labels()).map(|(&t, l)| (place(t), l));
        let middle = format!(
            "translate({:.1} {:.1}) rotate(90)",
            left + BAR + 14.0 + LETTER * TEXT * letters as f64,
            frame.top + 0.5 * frame.height
        );
        html! {
            g class="bar" shape-rendering="crispEdges" {
                @for step in 0..STEPS {
                    rect x=(format!("{left:.1}")) y=(format!("{:.2}", frame.bottom() - height * (step + 1) as f64))
                        width=(BAR) height=(format!("{:.2}", height + 0.3)) fill=(colour_of(step)) {}
                }
            }
            @for (y, label) in ticks {
                path d=(format!("M{:.1} {y:.1}h4", left + BAR)) stroke="currentColor" {}
                (text(left + BAR + 6.0, y + 5.0, "start", &label, TEXT))
            }
            g transform=(middle) { (text(0.0, 0.0, "middle", &self.value_label, TEXT)) }
        }
    }
}

/// An axis with few ticks where a panel is narrow.
fn sparse(side: f64, width: f64) -> Axis {
    let axis = Axis::linear(0.0, side, false);
    let every = (axis.ticks.len() as f64 * 42.0 / width).ceil().max(1.0) as usize;
    axis.every(every)
}

/// The colours of values from the lowest to the highest.
pub fn scale() -> Vec<Colour> {
    (0..STEPS).map(colour_of).collect()
}

/// Which colour a value between −reach and reach has.
fn step_of(value: f64, reach: f64) -> usize {
    ((0.5 * (value / reach + 1.0) * STEPS as f64) as usize).min(STEPS - 1)
}

fn colour_of(step: usize) -> Colour {
    let at = (step as f64 + 0.5) / STEPS as f64 * (SCALE.len() - 1) as f64;
    let (below, part) = (at as usize, at.fract());
    let (a, b) = (SCALE[below], SCALE[(below + 1).min(SCALE.len() - 1)]);
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    Colour(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// The pieces of an arrow, each with its head, which shows only where it lies on the map. One that is shorter than its
/// head is a dot.
fn arrow(pieces: &[([f64; 2], [f64; 2])], look: Look, frame: &Frame) -> Markup {
    const HEAD: f64 = 6.0;
    let pixels = pieces.iter().map(|&(from, to)| (frame.reckoned(from), frame.reckoned(to)));
    let shape = |(a, b): ((f64, f64), (f64, f64))| {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx.hypot(dy);
        if length < HEAD {
            return html! { circle class="still" cx=(format!("{:.1}", b.0)) cy=(format!("{:.1}", b.1)) r="1.2" fill=(look.colour) {} };
        }
        let (ux, uy) = (HEAD * dx / length, HEAD * dy / length);
        let neck = (b.0 - ux, b.1 - uy);
        let head = format!(
            "M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}z",
            b.0,
            b.1,
            neck.0 - 0.5 * uy,
            neck.1 + 0.5 * ux,
            neck.0 + 0.5 * uy,
            neck.1 - 0.5 * ux
        );
        let shaft = format!("M{:.1} {:.1}L{:.1} {:.1}", a.0, a.1, neck.0, neck.1);
        html! {
            path class="shaft" d=(shaft) stroke=(look.colour) stroke-width="1.5" {}
            path class="head" d=(head) fill=(look.colour) {}
        }
    };
    html! { g class="arrow" { @for piece in pixels { (shape(piece)) } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::image;
    use crate::plot::look;

    fn ground(periodic: [bool; 2]) -> Ground {
        Ground { sides: [12.0, 8.0], periodic, unit: "neuron units".to_owned() }
    }

    fn plot(ground: Ground, layers: Vec<Layer>) -> SheetPlot {
        SheetPlot {
            title: "Two maps".to_owned(),
            note: String::new(),
            ground,
            value_label: "E (Hz³)".to_owned(),
            legend: vec![("after".to_owned(), look::CONSTRAINED)],
            panels: vec![
                Panel { label: "before".to_owned(), layers: layers.clone() },
                Panel { label: "after".to_owned(), layers },
            ],
        }
    }

    /// One point for each site of a 12 × 8 lattice, row by row, x first.
    fn sites() -> Vec<[f64; 2]> {
        (0..96).map(|k| [f64::from(k / 8), f64::from(k % 8)]).collect()
    }

    fn close(a: [f64; 2], b: [f64; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-12 && (a[1] - b[1]).abs() < 1e-12
    }

    #[test]
    fn the_shortest_way_leads_over_an_edge_only_where_the_map_closes() {
        let torus = ground([true, true]);
        assert!(close(torus.way([11.0, 1.0], [1.0, 7.0]), [2.0, -2.0]));
        assert!(close(ground([true, false]).way([11.0, 1.0], [1.0, 7.0]), [2.0, 6.0]));
        assert!(close(ground([false, false]).way([11.0, 1.0], [1.0, 7.0]), [-10.0, 6.0]));
        assert!(close(torus.inside([-1.0, 9.0]), [11.0, 1.0]));
    }

    #[test]
    fn a_way_over_an_edge_continues_on_the_other_side() {
        let torus = ground([true, true]);
        let within = torus.pieces([3.0, 3.0], [2.0, 1.0]);
        assert_eq!(within.len(), 1);
        let over = torus.pieces([11.0, 3.0], [2.0, 0.0]);
        assert_eq!(over.len(), 2);
        assert!(
            close(over[0].1, [13.0, 3.0]) && close(over[1].0, [-1.0, 3.0]) && close(over[1].1, [1.0, 3.0])
        );
        // Over a corner: all four copies can be seen.
        assert_eq!(torus.pieces([11.0, 7.0], [2.0, 2.0]).len(), 4);
        assert_eq!(ground([false, true]).pieces([11.0, 7.0], [2.0, 2.0]).len(), 2);
        assert_eq!(ground([false, false]).pieces([11.0, 7.0], [2.0, 2.0]).len(), 1);
    }

    #[test]
    fn every_value_has_a_cell_and_missing_ones_have_none() {
        let mut values = vec![0.0; 96];
        (values[0], values[50], values[95]) = (f64::NAN, 3.0, -3.0);
        let layer = |periodic| {
            let layers = vec![Layer::Values { positions: sites(), values: values.clone(), cell: [1.0, 1.0] }];
            plot(ground(periodic), layers).svg()
        };
        let cells = |svg: &str| {
            let shapes = svg.split("class=\"cells\"").nth(1).unwrap().split("</g>").next().unwrap();
            shapes.matches('z').count()
        };
        assert_eq!(cells(&layer([false, false])), 95);
        // On a torus a cell at an edge is seen at the other edge too: 12 and 8 more, less those of the missing corner,
        // which is seen four times.
        assert_eq!(cells(&layer([true, true])), 13 * 9 - 4);
        let svg = layer([true, false]);
        assert!(svg.contains(&colour_of(0).to_string()) && svg.contains(&colour_of(STEPS - 1).to_string()));
        assert!(svg.contains("E (Hz³)") && svg.contains("Dashed edges") && !svg.contains("NaN"));
        assert!(!layer([false, false]).contains("Dashed edges"));
    }

    #[test]
    fn one_colour_is_one_value_in_all_panels() {
        assert_eq!(step_of(-5.0, 5.0), 0);
        assert_eq!(step_of(5.0, 5.0), STEPS - 1);
        assert_eq!(step_of(0.0, 5.0), STEPS / 2);
        let mut plot = plot(ground([true, true]), Vec::new());
        assert_eq!(plot.reach(), None);
        for (panel, most) in plot.panels.iter_mut().zip([400.0, 2.0]) {
            panel.layers =
                vec![Layer::Values { positions: sites(), values: vec![-most; 96], cell: [1.0; 2] }];
        }
        assert_eq!(plot.reach(), Some(400.0));
        let colours = |svg: &str| -> Vec<String> {
            let groups = svg.split("class=\"cells\"").skip(1);
            groups.map(|g| g.split("fill=\"").nth(1).unwrap()[..7].to_owned()).collect()
        };
        let seen = colours(&plot.svg());
        assert_eq!(seen, [colour_of(0).to_string(), colour_of(step_of(-2.0, 400.0)).to_string()]);
    }

    #[test]
    fn a_label_wider_than_its_panel_is_broken_into_lines_above_it() {
        let mut plot = plot(ground([true, true]), Vec::new());
        let height = |svg: &str| -> f64 {
            svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let low = height(&plot.svg());
        plot.panels[0].label = "before flattening: longest arrow 16.54 units/s".to_owned();
        let svg = plot.svg();
        assert!(!svg.contains(&plot.panels[0].label) && svg.contains("before flattening:"), "{svg}");
        // Three lines in place of one.
        assert_eq!(height(&svg), low + 2.0 * LINE);
    }

    #[test]
    fn many_dots_are_small() {
        let radius = |count: usize| -> f64 {
            let at = (0..count).map(|k| [0.01 * k as f64, 1.0]).collect();
            let svg = plot(ground([true, true]), vec![Layer::Dots { look: look::NONE, at }]).svg();
            svg.split("class=\"dot\"").nth(1).unwrap().split("r=\"").nth(1).unwrap()[..4].parse().unwrap()
        };
        assert_eq!(radius(10), DOT);
        assert!((radius(1000) / radius(4000) - 2.0).abs() < 0.05, "{} {}", radius(1000), radius(4000));
    }

    #[test]
    fn arrows_and_paths_are_drawn_and_can_be_images() {
        let layers = vec![
            Layer::Arrows {
                look: look::NONE,
                starts: vec![[11.0, 3.0], [4.0, 4.0], [6.0, 6.0]],
                ends: vec![[1.0, 3.0], [7.0, 4.0], [6.01, 6.0]],
            },
            Layer::Paths {
                look: look::CONSTRAINED,
                paths: vec![vec![[11.0, 7.5], [11.5, 7.9], [0.2, 0.4], [0.9, 0.9]]],
            },
            Layer::Dots { look: look::REFERENCE, at: vec![[1.0, 1.0], [-1.0, 2.0], [3.0, 9.0]] },
        ];
        let plot = plot(ground([true, true]), layers);
        let svg = plot.svg();
        // In each panel: an arrow over the edge in two pieces, one within, and one too short for a head.
        assert_eq!(svg.matches("class=\"head\"").count(), 2 * 3);
        assert_eq!(svg.matches("class=\"still\"").count(), 2);
        assert_eq!(svg.matches("class=\"start\"").count(), 2);
        assert_eq!(svg.matches("class=\"dot\"").count(), 2 * 3);
        assert!(!svg.contains("class=\"bar\""), "a colour bar without values");
        assert!(image::png(&svg).unwrap().starts_with(b"\x89PNG"));
    }
}
