//! The page's document: headings, controls and the places for drawings and numbers. What it does is in `script/`.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{SHADER, STYLE, policy, scripts};
use crate::plot::look;
use crate::records::Summary;
use crate::setup::config::Method;
use crate::setup::plan::Plan;
use crate::text::significant;

/// The whole page.
pub(super) fn page(plan: &Plan, summary: &Summary, configuration: &str, data: &str) -> String {
    let (script, worker) = scripts();
    let style = style();
    let title = title(plan);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(&script, &style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                // Browsers ask a server for an icon unless the page has one.
                link rel="icon" href="data:,";
                style { (PreEscaped(style)) }
            }
            body {
                main {
                    h1 { (title) }
                    (introduction(plan, summary))
                    (controls(plan))
                    div.pair {
                        (panel(plan, "before", "Before flattening"))
                        (panel(plan, "after", "After flattening"))
                    }
                    p.soft id="keys" { "Keys, on a map: arrows and Page Up, Page Down move the marker, Enter drops a bump, c holds and releases a cue." }
                    (numbers())
                    (explanation(configuration))
                }
                script type="application/json" id="data" { (PreEscaped(data)) }
                script type="text/plain" id="shader" { (PreEscaped(SHADER)) }
                script type="text/plain" id="worker" { (PreEscaped(worker)) }
                script { (PreEscaped(script)) }
            }
        }
    }
    .into_string()
}

/// Whether maps are drawn as sheets.
fn is_surface(plan: &Plan) -> bool {
    plan.layout.groups.iter().any(|layout| layout.group.lattice.space.dimension() == 2)
}

fn title(plan: &Plan) -> String {
    let shape = if is_surface(plan) { "torus" } else { "ring" };
    let maps = if plan.maps == 1 { "map" } else { "maps" };
    format!("{} neurons, {} {shape} {maps}: live", plan.neurons, plan.maps)
}

/// The style, in the colours of this program's plots.
fn style() -> String {
    let (before, after) = (look::NONE.colour, look::CONSTRAINED.colour);
    format!(":root {{ --before: {before}; --after: {after}; }}\n{STYLE}")
}

fn introduction(plan: &Plan, summary: &Summary) -> Markup {
    let seconds = summary.duration_ms / 1000.0;
    html! {
        p {
            @if is_surface(plan) {
                "Each map is a sheet whose opposite edges are joined, a torus, on which a bump of activity can stand anywhere: a memory of a position. "
            } @else {
                "Each map is a ring on which a bump of activity can stand anywhere: a memory of a position. "
            }
            @if plan.maps > 1 { "All " (plan.maps) " maps share the same neurons, and disturb each other: bumps drift into the dents of the landscape. " }
            strong {
                "Click a " (if is_surface(plan) { "sheet" } else { "ring" }) " to drop a bump, and drag to pull it along with a cue."
            }
        }
        @if let (Some(before), Some(after)) = (&summary.drift_before, &summary.drift_after) {
            p.soft {
                "The run measured a mean drift of " (significant(before.mean_drift)) " neuron units in " (seconds) " s before flattening, and "
                (significant(after.mean_drift)) " after."
            }
        }
        @if plan.config.flatten.method == Method::None {
            p.warning { "This run was not flattened: both networks are the same." }
        }
        noscript { p.warning { "The network runs in JavaScript, which is switched off here." } }
    }
}

/// A slider with its value beside its name. The script writes the value, and tells it to those who do not see it.
fn slider(id: &str, name: &str, (low, high, step): (&str, &str, &str), value: &str) -> Markup {
    html! {
        div.slider {
            label for=(id) { (name) } " " span id={ (id) "-value" } {}
            input type="range" id=(id) min=(low) max=(high) step=(step) value=(value);
        }
    }
}

fn controls(plan: &Plan) -> Markup {
    let maps = |chosen: usize| {
        html! { @for map in 0..plan.maps { option value=(map) selected[map == chosen] { (map) } } }
    };
    html! {
        div.controls {
            button type="button" id="play" { "Play" }
            button type="button" id="step" { "Step" }
            button type="button" id="again" { "Back to the start" }
            button type="button" id="starts" { "The run's own starts" }
            // A timer is not read out while it runs.
            span.clock id="clock" role="timer" aria-label="Network time" { "0.000 s" }
            label { "pause at (s) " input type="number" id="until" min="0" step="any" value=(plan.config.measure.duration_ms / 1000.0); }
        }
        div.controls {
            label { "Map " select id="map" { (maps(0)) } }
            label { "seen in map " select id="other" { (maps(1.min(plan.maps - 1))) } }
            label { "computed by " select id="engine" {
                option value="auto" { "WebGPU if there is" }
                option value="script" { "JavaScript" }
            } }
            span.soft { "now: " span id="engine-name" { "starting" } }
        }
        div.controls.sliders {
            (slider("part", "flattening, J to J + M:", ("0", "1", "0.01"), "1"))
            (slider("speed", "speed:", ("0.7", "3.5", "0.05"), "2.3"))
            (slider("noise", "spiking noise (Fano factor):", ("-3.1", "0", "0.1"), "-3.1"))
            (slider("bumps", "bumps:", ("0", "3", "0.01"), "0"))
        }
        p.status id="status" role="status" {}
    }
}

/// One network's drawings: the map, the other map, and the landscape.
fn panel(plan: &Plan, which: &str, heading: &str) -> Markup {
    let surface = is_surface(plan);
    let (name, kind) = if surface { ("Sheet", "sheet") } else { ("Ring", "ring") };
    html! {
        section aria-labelledby={ (which) "-heading" } class=(which) {
            h2 id={ (which) "-heading" } { (heading) }
            canvas class=(kind) id={ (which) "-map" } tabindex="0" role="slider" aria-valuemin="0" aria-valuenow="0"
                aria-label={ (name) " of the chosen map, " (which) " flattening" } aria-describedby="keys" {}
            h3 { "The same activity, seen in the other map" }
            canvas class=(if surface { "sheet small" } else { "strip" }) id={ (which) "-other" } role="img" aria-label={ "Rates by position in the other map, " (which) " flattening" } {}
            h3 { @if surface { "Energy over the map: blue is low" } @else { "Energy along the map" } }
            canvas class=(if surface { "sheet" } else { "hill" }) id={ (which) "-hill" } role="img"
                aria-label={ "Energy landscape " (which) " flattening, with a dot for the bump; its numbers are in the table" } {}
        }
    }
}

fn numbers() -> Markup {
    let rows = [
        ("phase", "position of the first bump", "neuron units"),
        ("moved", "its way from the start", "neuron units"),
        ("score", "its score", ""),
        ("energy", "its energy, relative to the mean landscape", "Hz³"),
        ("winner", "the map it is in", ""),
        ("mean", "mean drift of all bumps", "neuron units"),
        ("largest", "largest drift", "neuron units"),
        ("own", "bumps in their own map", ""),
    ];
    html! {
        section {
            h2 { "Where the bumps have gone" }
            canvas.histogram id="histogram" role="img" aria-label="Histogram of drift, before and after flattening; its mean is in the table" {}
            p.soft { "Drift (neuron units) of all bumps: " span.key.before { "before" } " " span.key.after { "after" } }
            div.wide tabindex="0" role="region" aria-label="Numbers" {
                table {
                    thead { tr { td {} th scope="col" { "before" } th scope="col" { "after" } th scope="col" { "unit" } } }
                    tbody {
                        @for (id, name, unit) in rows {
                            tr { th scope="row" { (name) } td id={ "before-" (id) } {} td id={ "after-" (id) } {} td { (unit) } }
                        }
                    }
                }
            }
        }
    }
}

fn explanation(configuration: &str) -> Markup {
    html! {
        details {
            summary { "What is computed here" }
            p {
                "Both networks follow τ dI/dt = −I + h + W·√max(I, 0) by Euler's method with the run's own time step, in single precision weights: W = J on the left, "
                "J + s·M on the right, with s the slider's value. Bumps start in their idealized shape at whole positions. Without noise and cue the "
                "GPU runs the program's own kernel; otherwise a worker in JavaScript does the same."
            }
            p {
                "The landscape is the energy of constrained minima, exact with its slope at s = 0 and 1; in between it is interpolated within its bounds. "
                "On a ring the first bump's dot has the bump's own energy (held at the edge where it lies outside), the others lie on the line; on a sheet both landscapes have the same colours. "
                "Noise: neurons send F·Poisson(r·Δt/F)/Δt in place of r, the same numbers in both networks as long as their rates agree. "
                "A cue is a current of 0.3 times that of a bump."
            }
        }
        details { summary { "Configuration, as resolved" } pre { (configuration) } }
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
    fn a_configuration_stays_text() {
        let shown = explanation("maps_file = \"<script>alert(1)</script>\"").into_string();
        assert!(!shown.contains("<script>") && shown.contains("&lt;script&gt;alert(1)"), "{shown}");
    }
}
