// One dot a trial, and the landscape of the one that is chosen: by a click on its dot, or in the list.
(() => {
  const data = JSON.parse(document.getElementById("gallery-data").textContent);
  const list = document.getElementById("trial"), map = document.getElementById("trial-map"), said = document.getElementById("trial-said");
  const unpack = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const H = 300, RIGHT = 12, TOP = 12, BOTTOM = 46;

  // Axes of a plot in the element; returns where values lie in it.
  function frame(id, [x0, x1], [y0, y1], xTitle, yTitle) {
    const svg = document.getElementById(id), W = Math.round(Math.min(760, svg.parentElement.clientWidth || 760));
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
    const up = ticks(y0, y1, false, 5), LEFT = 34 + 8 * Math.max(...up.map((y) => label(y).length));
    const px = (x) => LEFT + (W - LEFT - RIGHT) * (x - x0) / (x1 - x0), py = (y) => H - BOTTOM - (H - TOP - BOTTOM) * (y - y0) / (y1 - y0);
    for (const y of up) {
      node(svg, "line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: py(y), y2: py(y) });
      node(svg, "text", { x: LEFT - 8, y: py(y) + 4, "text-anchor": "end" }, label(y));
    }
    for (const x of ticks(x0, x1, false, W < 500 ? 4 : 7)) {
      node(svg, "text", { x: px(x), y: H - BOTTOM + 18, "text-anchor": "middle" }, label(x));
    }
    node(svg, "path", { class: "axis", d: `M${LEFT} ${TOP}V${H - BOTTOM}H${W - RIGHT}` });
    node(svg, "text", { class: "title", x: (LEFT + W - RIGHT) / 2, y: H - 8, "text-anchor": "middle" }, xTitle);
    node(svg, "text", { class: "title", x: 0, y: 0, "text-anchor": "middle", transform: `translate(14 ${(TOP + H - BOTTOM) / 2}) rotate(-90)` }, yTitle);
    return { svg, px, py };
  }

  function bounds(values) {
    const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const margin = 0.06 * (high - low) || 1;
    return [low - margin, high + margin];
  }

  // Trials of the same number of maps stand side by side, so that each can be clicked.
  function dots() {
    const trials = data.trials, widest = Math.max(...trials.map((t) => t.maps));
    const { svg, px, py } = frame("trials", [0, widest + 1], [0, bounds(trials.map((t) => t.drift))[1]], "number of maps, L", "mean drift (neuron units)");
    trials.forEach((trial, k) => {
      const company = trials.filter((t) => t.maps === trial.maps), shift = 0.7 * ((company.indexOf(trial) + 0.5) / company.length - 0.5);
      const group = node(svg, "g", { class: `series ${trial.look}` });
      const dot = node(group, "circle", { class: trial.landscape ? "dot" : "dot hollow", cx: px(trial.maps + shift), cy: py(trial.drift), r: k === Number(list.value) ? 7 : 4 });
      node(dot, "title", {}, trial.name);
      dot.addEventListener("click", () => { list.value = k; choose(); });
    });
  }

  function landscape(trial) {
    const chosen = Number(map.value), K = trial.points, values = unpack(trial.landscape);
    const [before, after] = [0, 1].map((end) => values.subarray((end * trial.maps + chosen) * K, (end * trial.maps + chosen + 1) * K));
    const { svg, px, py } = frame("trial-landscape", [0, K], bounds([...before, ...after]), `point of map ${chosen}`, "energy E \u2212 mean (Hz\u00b3)");
    [["none", before], [trial.look, after]].forEach(([look, line], end) => {
      const group = node(svg, "g", { class: `series line ${look}` });
      node(group, "path", { class: "drawn", d: [...line].map((e, k) => `${k ? "L" : "M"}${px(k).toFixed(1)} ${py(e).toFixed(1)}`).join(""), "stroke-width": end + 1 });
    });
    const sd = (line) => Math.sqrt(line.reduce((sum, e) => sum + e * e, 0) / K - (line.reduce((sum, e) => sum + e, 0) / K) ** 2);
    said.textContent = `${trial.name}, map ${chosen}: SD ${label(Number(sd(before).toPrecision(3)))} Hz\u00b3 before, ${label(Number(sd(after).toPrecision(3)))} after.`;
  }

  function choose() {
    const trial = data.trials[Number(list.value)], kept = Number(map.value) || 0;
    map.replaceChildren(...Array.from({ length: trial.maps }, (_, l) => new Option(l, l, l === kept, l === kept)));
    map.disabled = !trial.landscape;
    dots();
    if (trial.landscape) landscape(trial);
    else {
      document.getElementById("trial-landscape").replaceChildren();
      said.textContent = `${trial.name}: ${data.why}`;
    }
  }

  list.addEventListener("change", choose);
  map.addEventListener("change", choose);
  let width = document.body.clientWidth;
  window.addEventListener("resize", () => {
    if (document.body.clientWidth !== width) choose();
    width = document.body.clientWidth;
  });
  choose();
})();
