"use strict";
// Draws the plots of a run from the numbers in #data.
const data = JSON.parse(document.getElementById("data").textContent);
// Plots are drawn as wide as the page has room, so that their text keeps its size on a telephone.
const WIDEST = 760, H = 340, RIGHT = 18, TOP = 16, BOTTOM = 52;

const drawn = new Map();

// spec: {x: title, y: title, log, whole, zero, xs: [low, high], names: labels of the whole x from 0 on, if any,
//   series: [{kind, colour, points: [[x, y, note]], width}]}
function plot(id, spec) {
  drawn.set(id, spec);
  const svg = document.getElementById(id);
  const W = Math.round(Math.min(WIDEST, svg.parentElement.clientWidth || WIDEST));
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  const finite = spec.series.flatMap((s) => s.points).map((p) => p[1]).filter((y) => Number.isFinite(y) && (!spec.log || y > 0));
  let [low, high] = bounds(finite, spec.zero);
  if (spec.log) {
    low = 10 ** Math.floor(Math.log10(low));
    high = Math.max(10 ** Math.ceil(Math.log10(high)), 10 * low);
  } else {
    if (!(high - low > 1e-10)) { low -= 1; high += 1; }
    const margin = 0.06 * (high - low);
    low -= spec.zero && low === 0 ? 0 : margin;
    high += margin;
  }
  const f = spec.log ? Math.log10 : (v) => v;
  const up = ticks(low, high, spec.log, 6);
  const LEFT = 38 + 8 * Math.max(...up.map((y) => label(y).length));
  const px = (x) => LEFT + (W - LEFT - RIGHT) * (x - spec.xs[0]) / (spec.xs[1] - spec.xs[0]);
  const py = (y) => H - BOTTOM - (H - TOP - BOTTOM) * (f(y) - f(low)) / (f(high) - f(low));
  for (const y of up) {
    node(svg, "line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: py(y), y2: py(y) });
    node(svg, "text", { x: LEFT - 8, y: py(y) + 4, "text-anchor": "end" }, label(y));
  }
  const across = spec.names ? spec.names.map((_, i) => i)
    : ticks(spec.xs[0], spec.xs[1], false, W < 500 ? 4 : 6).filter((x) => !spec.whole || Number.isInteger(x));
  for (const x of across) {
    node(svg, "line", { class: "axis", x1: px(x), x2: px(x), y1: H - BOTTOM, y2: H - BOTTOM + 5 });
    node(svg, "text", { x: px(x), y: H - BOTTOM + 19, "text-anchor": "middle" }, spec.names ? spec.names[x] : label(x));
  }
  node(svg, "path", { class: "axis", d: `M${LEFT} ${TOP}V${H - BOTTOM}H${W - RIGHT}` });
  node(svg, "text", { class: "title", x: (LEFT + W - RIGHT) / 2, y: H - 8, "text-anchor": "middle" }, spec.x);
  node(svg, "text", { class: "title", x: 0, y: 0, "text-anchor": "middle", transform: `translate(15 ${(TOP + H - BOTTOM) / 2}) rotate(-90)` }, spec.y);
  for (const series of spec.series) draw(svg, series, px, py, spec.log ? low : Math.max(low, Math.min(0, high)), spec.log);
}

function bounds(values, zero) {
  if (!values.length) return [0.1, 1];
  return [values.reduce((a, b) => Math.min(a, b), zero ? 0 : Infinity), values.reduce((a, b) => Math.max(a, b), zero ? 0 : -Infinity)];
}

// On a logarithmic axis a value that is zero or less is no point: the curve has a gap, and a mark lies open on the axis.
function draw(svg, series, px, py, base, log) {
  const group = node(svg, "g", { class: `series ${series.kind} ${series.colour}` });
  const at = (x, y) => `${px(x).toFixed(1)} ${py(y).toFixed(1)}`;
  const off = (y) => !Number.isFinite(y) || (log && y <= 0);
  if (series.kind === "line" || series.kind === "marks") {
    const d = series.points.map((p, i, all) => off(p[1]) ? "" : (i && !p[3] && !off(all[i - 1][1]) ? "L" : "M") + at(p[0], p[1])).join("");
    node(group, "path", { class: "drawn", d: d || "M0 0", "stroke-width": series.width });
  }
  for (const [x, y, note, , hollow] of series.kind === "line" ? [] : series.points) {
    if (series.kind === "bars") {
      const box = { x: px(x), y: py(y), width: px(x + series.width) - px(x), height: py(base) - py(y) };
      node(node(group, "rect", { class: "drawn bar", ...box }), "title", {}, note);
      continue;
    }
    if (series.kind === "stems") node(group, "path", { class: "drawn", d: `M${at(x, base)}L${at(x, y)}`, "stroke-width": 2 });
    const low = off(y);
    node(node(group, "circle", { class: hollow || low ? "dot hollow" : "dot", cx: px(x), cy: py(low ? base : y), r: 4 }), "title", {}, note);
  }
}

const map = document.getElementById("map"), iteration = document.getElementById("iteration"), first = document.getElementById("first");

const longest = Math.max(...data.lengths);

function landscape(it, chosen) {
  const maps = chosen === "all" ? data.energies[it].map((_, l) => l) : [Number(chosen)];
  return maps.flatMap((l, place) => data.energies[it][l].map((e, k, row) => [place * longest + k * data.lengths[l] / row.length, e, "", k === 0]));
}

function choose() {
  const it = Number(iteration.value), all = map.value === "all";
  const series = [{ kind: "line", colour: it === 0 ? "none" : data.method, points: landscape(it, map.value), width: 1.6 }];
  if (first.checked && it > 0) series.unshift({ kind: "line", colour: "none", points: landscape(0, map.value), width: 1 });
  const [what, unit] = data.counted ? ["point", "row by row"] : ["position", "neuron units"];
  const x = all ? `${what}, map after map (${unit})` : `${what} in map ${map.value} (${unit})`;
  plot("landscape", { x, y: "energy E \u2212 mean (Hz\u00b3)", xs: [0, all ? longest * data.lengths.length : data.lengths[Number(map.value)]], series });
  const values = series[series.length - 1].points.map((p) => p[1]), mean = values.reduce((a, b) => a + b, 0) / values.length;
  const sd = Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / values.length);
  document.getElementById("chosen").textContent =
    `${all ? "All maps" : "Map " + map.value} after ${it} weight updates: SD ${label(Number(sd.toPrecision(3)))} Hz\u00b3, ` +
    `from ${label(Number(bounds(values)[0].toPrecision(3)))} to ${label(Number(bounds(values)[1].toPrecision(3)))} Hz\u00b3.`;
  // Starts that are counted stand at their numbers, from 1 on.
  const number = data.counted ? 0.5 : 0;
  const drift = (which, colour, shift) => ({ kind: "stems", colour, points: data.drift
    .filter((d) => d.flattened === which && (all || d.map === Number(map.value)))
    .map((d) => [(all ? d.map * data.starts : 0) + d.at + number + shift, d.displacement,
      `map ${d.map}: from ${d.from} to ${d.to}${d.winner === d.map ? "" : " in map " + d.winner}`, false, d.winner !== d.map]) });
  const span = data.starts * (all ? data.energies[0].length : 1), where = all ? ", map after map" : ` in map ${map.value}`;
  plot("drift", { x: data.counted ? `starts one by one${where}` : `start${where} (neuron units)`, y: "displacement at the end (neuron units)", zero: true,
    whole: data.counted, xs: data.counted ? [0.4, span + 0.6] : [-0.03 * span, 1.0 * span], series: [drift(false, "none", 0), drift(true, data.method, 0.012 * (all ? 0.2 : 1) * span)] });
  const fragment = `#map=${map.value}&iteration=${it}&first=${first.checked ? 1 : 0}`;
  if (location.hash !== fragment) history.replaceState(null, "", fragment);
}

function honour() {
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const select of [map, iteration]) {
    const value = asked.get(select.id);
    if ([...select.options].some((o) => o.value === value)) select.value = value;
  }
  if (asked.has("first")) first.checked = asked.get("first") === "1";
  choose();
}

const updates = [-0.15, Math.max(1, data.roughness.length - 1) + 0.15];
const course = (colour, column) => ({ kind: "marks", colour, width: 2, points: data.roughness.map((r, i) => [i, r[column], `after ${i} updates: ${label(r[column])} Hz\u00b3`]) });
plot("roughness", { x: "weight updates made", y: "roughness (Hz\u00b3)", log: true, whole: true, xs: updates, series: [course("between", 1), course(data.method, 0)] });
const ends = data.histogram.up_to.map((end) => label(Number(end.toPrecision(3))));
const span = (i) => i === 0 ? `${ends[0]}` : `more than ${ends[i - 1]}, up to ${ends[i]}`;
const bars = (which, colour) => ({ kind: "bars", colour, width: 0.4, points: data.histogram.counts[which]
  .map((count, i) => [i + (which ? 0 : -0.4), count, `${count} starts drifted ${span(i)} neuron units`]) });
plot("histogram", { x: "|displacement| up to (neuron units)", y: "number of starts", zero: true, names: ends,
  xs: [-0.6, ends.length - 0.4], series: [bars(0, "none"), bars(1, data.method)] });
let width = document.body.clientWidth;
window.addEventListener("resize", () => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  for (const [id, spec] of drawn) plot(id, spec);
});
for (const control of [map, iteration, first]) control.addEventListener("change", choose);
window.addEventListener("hashchange", honour);
honour();
