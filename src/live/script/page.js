// The page: controls, the loop that keeps both networks and the drawings in step with them, and numbers in words.

const data = JSON.parse(document.getElementById("data").textContent);
const network = new Network(data), landscape = new Landscape(data.landscape);
const WHICH = ["before", "after"], view = network.dimension === 1 ? new Ring(network) : new Sheet(network, data);
const element = (id) => document.getElementById(id);
const peakRate = Math.sqrt(network.bumpCurrent.reduce((a, b) => Math.max(a, b), 0));

// A cue's current, as a part of the bump's own.
const CUE_STRENGTH = 0.3;

// What is asked for; the loop sees to it. `changed` names what workers have to be told.
const asked = { map: 0, other: Math.min(1, data.maps - 1), place: [0, 0], own: false, count: 1, part: 1, fano: 0, cue: null, steps: 0, playing: false, changed: new Set() };
// What is there: steps made, starts, and what both networks last answered.
const shown = { steps: 0, starts: [], found: null, marker: null, dirty: true, frames: 0 };

function ask(change, ...changed) {
  Object.assign(asked, change);
  if ("map" in change || "part" in change) shown.hills = null;
  for (const what of changed) asked.changed.add(what);
  shown.dirty = true;
}

function play(playing) {
  ask({ playing });
  element("play").textContent = playing ? "Pause" : "Play";
}

// Where the bumps start: as the program's own do, or spread from the asked place on.
function startPlaces() {
  return asked.own ? data.starts : view.spread(asked.place, asked.count);
}

async function tellWorkers(simulation) {
  const changed = new Set(asked.changed);
  asked.changed.clear();
  if (changed.has("start")) {
    shown.starts = startPlaces();
    shown.steps = 0;
    simulation.forget();
    shown.found = await simulation.order("start", { map: asked.map, places: shown.starts, part: asked.part });
    // A bump at rest may have its centre beside its site.
    shown.origin = shown.found[0].phases.slice(0, 2);
    write("status", `${bumpsInWords()} in map ${asked.map}.`);
  } else if (changed.has("part")) {
    shown.found = await simulation.order("part", { part: asked.part });
  }
  if (changed.has("surroundings")) {
    const cue = asked.cue === null ? null : { place: asked.cue, strength: CUE_STRENGTH };
    await simulation.order("surroundings", { fano: asked.fano, cue });
  }
}

// Steps of this frame: at the asked speed, but not past the time at which to pause.
function stepsDue(elapsedMs) {
  const end = Math.round(Number(element("until").value) * 1000 / data.dt_ms);
  // What was asked for while the workers answered comes first: the old bumps are not what is to be moved or to be stopped.
  if (asked.changed.size > 0) return 0;
  if (asked.steps > 0) return asked.steps;
  if (!asked.playing) return 0;
  if (shown.steps === end) {
    play(false);
    return 0;
  }
  const wanted = Math.max(1, Math.round(speed() * Math.min(elapsedMs, 50) / 1000 / data.dt_ms));
  return shown.steps < end ? Math.min(wanted, end - shown.steps) : wanted;
}

// Network time a second (ms).
function speed() {
  return 10 ** Number(element("speed").value);
}

async function loop(simulation) {
  let last = performance.now();
  while (simulation === current) {
    const now = await new Promise(requestAnimationFrame);
    await tellWorkers(simulation);
    const steps = stepsDue(now - last);
    last = now;
    if (steps > 0) {
      const { made, found } = await simulation.advance(steps, !asked.playing);
      Object.assign(shown, { steps: shown.steps + made, found, dirty: true });
      asked.steps = 0;
      shown.complete = false;
    } else if (!asked.playing && shown.complete === false) {
      // At rest every bump is compared with all maps.
      ({ found: shown.found } = await simulation.advance(0, true));
      shown.dirty = shown.complete = true;
      announce();
    }
    if (shown.dirty && shown.found) draw();
    shown.frames++;
    document.documentElement.dataset.frames = shown.frames;
  }
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["ground", "text", "soft", "line", "link", "before", "after"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function draw() {
  shown.dirty = false;
  const palette = shown.palette ??= colours();
  const { range, lines } = shown.hills ??= landscape.pair(asked.map, asked.part);
  WHICH.forEach((which, w) => {
    const { phases: places, winning, first } = shown.found[w], part = w ? asked.part : 0;
    const { map, other, cue } = asked, { marker, starts: [start] } = shown;
    const told = { map, other, cue, marker, start, winning, places, rates: first.rates, peak: peakRate, colour: palette[which], colours: palette };
    view.drawMap(element(`${which}-map`), told);
    view.drawOther(element(`${which}-other`), told);
    view.drawLandscape(element(`${which}-hill`), { ...told, energies: lines[w], range, energy: first.energy - landscape.level(part) });
  });
  const [before, after] = WHICH.map((_, w) => ways(shown.found[w].locations));
  drawHistogram(element("histogram"), { before, after, colours: palette });
  tell();
}

// How far every bump has come from its start (neuron units).
function ways(places) {
  return shown.starts.map((start, b) => network.way(start, places.subarray(2 * b, 2 * b + 2)));
}

function write(id, text) {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

const number = (x, digits) => x.toFixed(digits).replace("-", "\u2212");

function tell() {
  write("clock", `${(shown.steps * data.dt_ms / 1000).toFixed(3)} s`);
  WHICH.forEach((which, w) => {
    const { phases, locations, winning, first } = shown.found[w], moved = ways(locations).map(Math.abs);
    write(`${which}-phase`, network.sides.slice(0, network.dimension).map(({ length }, d) => number(Number(phases[d].toFixed(2)) % length, 2)).join(", "));
    write(`${which}-moved`, number(network.way(shown.origin, phases.subarray(0, 2)), 2));
    write(`${which}-score`, number(first.score, 2));
    write(`${which}-energy`, number(first.energy - landscape.level(w ? asked.part : 0), 1));
    write(`${which}-winner`, String(winning[0]));
    write(`${which}-mean`, number(moved.reduce((a, b) => a + b, 0) / moved.length, 2));
    write(`${which}-largest`, number(Math.max(...moved), 0));
    write(`${which}-own`, `${winning.filter((map) => map === asked.map).length} of ${winning.length}`);
  });
}

function bumpsInWords() {
  const first = view.inWords(asked.place);
  return asked.count === 1 ? `A bump at ${first}` : `${asked.count} bumps, the first at ${first},`;
}

// For those who do not see the drawings: said when the network comes to rest, not at every frame.
function announce() {
  const [before, after] = WHICH.map((which) => element(`${which}-mean`).textContent);
  const what = asked.count === 1 ? "the bump has drifted" : `${asked.count} bumps have drifted, on average,`;
  write("status", `After ${element("clock").textContent} ${what} ${before} neuron units before flattening, ${after} after.`);
}

let current = null;
async function open(engine) {
  delete document.documentElement.dataset.ready;
  current?.close();
  write("engine-name", "starting");
  const { simulation, by } = await Simulation.open(data, engine);
  current = simulation;
  write("engine-name", by);
  ask({}, "start", "surroundings");
  loop(simulation).catch(fail);
  document.documentElement.dataset.ready = by;
}

function fail(error) {
  write("status", `The network has stopped: ${error.message}`);
  document.documentElement.dataset.error = error.message;
}

function place(where) {
  ask({ place: view.snap(where), own: false, cue: null }, "start", "surroundings");
  describe();
  play(true);
}

// Where the marker of the keys is, for those who do not see it.
function describe() {
  const at = shown.marker ?? asked.place, cue = asked.cue === null ? "" : ", cue held";
  for (const which of WHICH) {
    const map = element(`${which}-map`);
    map.setAttribute("aria-valuenow", view.index(at));
    map.setAttribute("aria-valuetext", `${view.inWords(at)}${cue}`);
  }
}

// A press that stays in its place puts a bump there; one that moves is a cue that pulls the bump along.
function listenToMap(canvas) {
  let pressed = null;
  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return view.placeAt(box.width, box.height, event.clientX - box.left, event.clientY - box.top);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pressed = { x: event.clientX, y: event.clientY, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pressed) return;
    pressed.moved ||= Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 5;
    if (!pressed.moved) return;
    ask({ cue: placeOf(event) }, "surroundings");
    if (!asked.playing) play(true);
  });
  const release = (event) => {
    if (pressed?.moved) ask({ cue: null }, "surroundings");
    else if (pressed && event.type === "pointerup") place(placeOf(event));
    pressed = null;
  };
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, release);
  canvas.addEventListener("keydown", (event) => moveMarker(event));
  canvas.addEventListener("blur", () => { shown.marker = null; shown.dirty = true; });
}

// Steps to the right and up.
const STRIDES = { ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowLeft: [-1, 0], ArrowDown: [0, -1], PageUp: [0, 10], PageDown: [0, -10] };

function moveMarker(event) {
  const from = shown.marker ?? asked.place;
  if (event.key in STRIDES) shown.marker = view.step(from, STRIDES[event.key]);
  else if (event.key === "Enter" || event.key === " ") place(from);
  else if (event.key === "c") {
    ask({ cue: asked.cue === null ? from : null }, "surroundings");
    if (!asked.playing) play(true);
  } else return;
  event.preventDefault();
  if (event.key in STRIDES && asked.cue !== null) ask({ cue: shown.marker }, "surroundings");
  describe();
  shown.dirty = true;
}

// The number of bumps: 1 to 1,000 on a slider of equal ratios; the noise: off, then Fano factors from 0.001 to 1.
const bumpsOf = (value) => Math.round(10 ** Number(value));
const fanoOf = (value) => (Number(value) < -3 ? 0 : 10 ** Number(value));

function showSettings() {
  const settings = {
    part: number(asked.part, 2),
    speed: `${Math.round(speed())} ms a second`,
    noise: asked.fano ? String(Number(asked.fano.toPrecision(2))) : "off",
    bumps: String(asked.count),
  };
  for (const [id, text] of Object.entries(settings)) {
    write(`${id}-value`, text);
    element(id).setAttribute("aria-valuetext", text);
  }
}

const CONTROLS = {
  map: (value) => ask({ map: Number(value) }, "start", "surroundings"),
  other: (value) => ask({ other: Number(value) }),
  part: (value) => ask({ part: Number(value) }, "part"),
  noise: (value) => ask({ fano: fanoOf(value) }, "surroundings"),
  bumps: (value) => ask({ count: bumpsOf(value), own: false }, "start"),
  speed: () => {},
};

function listen() {
  for (const [id, change] of Object.entries(CONTROLS)) {
    element(id).addEventListener("input", ({ target }) => {
      change(target.value);
      showSettings();
    });
  }
  element("engine").addEventListener("change", ({ target }) => open(target.value).catch(fail));
  element("play").addEventListener("click", () => play(!asked.playing));
  element("step").addEventListener("click", () => {
    play(false);
    ask({ steps: 1 });
  });
  element("again").addEventListener("click", () => {
    play(false);
    ask({}, "start");
  });
  element("starts").addEventListener("click", () => {
    element("bumps").value = Math.log10(data.starts.length);
    ask({ own: true, place: data.starts[0], count: data.starts.length, cue: null }, "start", "surroundings");
    describe();
    showSettings();
    play(true);
  });
  for (const which of WHICH) {
    element(`${which}-map`).setAttribute("aria-valuemax", String(network.neurons - 1));
    listenToMap(element(`${which}-map`));
  }
  const repaint = () => Object.assign(shown, { palette: null, dirty: true });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  window.addEventListener("resize", repaint);
}

window.addEventListener("error", ({ message }) => fail({ message }));
listen();
showSettings();
describe();
const wanted = new URLSearchParams(location.hash.slice(1)).get("engine");
if (wanted === "script") element("engine").value = wanted;
open(element("engine").value).catch(fail);
