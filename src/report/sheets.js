"use strict";
// Draws maps of two dimensions from the numbers in #sheets-N, N as the script element says: heat maps, arrows or the bumps' ways, and what lies under the pointer.
(() => {
  const own = document.currentScript.dataset.own, element = (id) => document.getElementById(`${id}-${own}`);
  const data = JSON.parse(element("sheets").textContent);
  const [wide, high] = data.sides;
  const LEFT = 44, RIGHT = 8, TOP = 6, BOTTOM = 40;
  const chooser = element("sheet"), arrows = element("moves"), pointed = element("pointed");

  // Displacements by whole sides under which the box [x0, x1] × [y0, y1] is seen on the map, itself first.
  function copies(x0, x1, y0, y1) {
    const along = (low, top, axis) => [0, -1, 1].map((k) => k * data.sides[axis])
      .filter((s) => s === 0 || (data.periodic[axis] && low + s < data.sides[axis] && top + s > 0));
    return along(x0, x1, 0).flatMap((x) => along(y0, y1, 1).map((y) => [x, y]));
  }

  // The shortest way.
  function way(from, to, axis) {
    const d = to - from, side = data.sides[axis];
    return data.periodic[axis] ? d - side * Math.round(d / side) : d;
  }

  function colour(value) {
    const steps = data.colours.length, step = Math.floor(0.5 * (value / data.reach + 1) * steps);
    return Math.max(0, Math.min(steps - 1, step));
  }

  function cells(group, values, px, py) {
    const shapes = data.colours.map(() => "");
    const [w, h] = data.cell;
    values.forEach((value, k) => {
      if (value === null) return;
      const [x, y] = data.positions[k];
      for (const [dx, dy] of copies(x - w / 2, x + w / 2, y - h / 2, y + h / 2)) {
        const left = px(x - w / 2 + dx), top = py(y + h / 2 + dy);
        shapes[colour(value)] += `M${left.toFixed(1)} ${top.toFixed(1)}H${(px(x + w / 2 + dx) + 0.2).toFixed(1)}V${(py(y - h / 2 + dy) + 0.2).toFixed(1)}H${left.toFixed(1)}z`;
      }
    });
    shapes.forEach((d, step) => { if (d) node(group, "path", { class: "drawn cells", d, style: `fill:${data.colours[step]}`, "shape-rendering": "crispEdges" }); });
  }

  // A bump's way through places that may lie past joined edges, with a head at its end.
  function way_of(group, places, px, py) {
    const xs = places.map((p) => p[0]), ys = places.map((p) => p[1]), HEAD = 6, f = (v) => v.toFixed(1);
    // From where the map begins: a way may go round it more than once.
    const turns = (low, axis) => data.periodic[axis] ? Math.floor(low / data.sides[axis]) * data.sides[axis] : 0;
    const x0 = turns(Math.min(...xs), 0), y0 = turns(Math.min(...ys), 1);
    // Half a head lies on the other side of a joined edge that a way touches.
    const rim = HEAD / 2 * wide / (px(wide) - px(0));
    for (const [sx, sy] of copies(Math.min(...xs) - x0 - rim, Math.max(...xs) - x0 + rim, Math.min(...ys) - y0 - rim, Math.max(...ys) - y0 + rim)) {
      const at = places.map(([x, y]) => [px(x - x0 + sx), py(y - y0 + sy)]), [bx, by] = at[at.length - 1];
      // The head shows where the last HEAD pixels of the way came from.
      const far = at.findLast(([x, y]) => Math.hypot(bx - x, by - y) >= HEAD);
      if (!far) {
        node(group, "circle", { class: "still", cx: f(at[0][0]), cy: f(at[0][1]), r: 2 });
        continue;
      }
      const length = Math.hypot(bx - far[0], by - far[1]), ux = HEAD * (bx - far[0]) / length, uy = HEAD * (by - far[1]) / length;
      node(group, "path", { class: "shaft", d: `M${at.map(([x, y]) => `${f(x)} ${f(y)}`).join("L")}` });
      node(group, "path", { class: "head", d: `M${f(bx)} ${f(by)}L${f(bx - ux - uy / 2)} ${f(by - uy + ux / 2)}L${f(bx - ux + uy / 2)} ${f(by - uy - ux / 2)}z` });
    }
  }

  // Straight, by the shortest way.
  function move(group, [x, y, endX, endY], px, py) {
    way_of(group, [[x, y], [x + way(x, endX, 0), y + way(y, endY, 1)]], px, py);
  }

  function sheet(id, values, moves, ways) {
    const svg = element(id);
    const W = Math.round(svg.parentElement.clientWidth || 360), width = W - LEFT - RIGHT, height = Math.round(width * high / wide), H = height + TOP + BOTTOM;
    const px = (x) => LEFT + width * x / wide, py = (y) => TOP + height * (1 - y / high);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
    node(node(svg, "clipPath", { id: `${id}-${own}-clip` }), "rect", { x: LEFT, y: TOP, width, height });
    const inside = node(svg, "g", { "clip-path": `url(#${id}-${own}-clip)` });
    node(inside, "rect", { class: "empty", x: LEFT, y: TOP, width, height });
    cells(inside, values, px, py);
    if (arrows.checked && ways.length) for (const each of ways) way_of(inside, each, px, py);
    else if (arrows.checked) for (const each of moves) move(inside, each, px, py);
    const edge = (axis, d) => node(svg, "path", { class: "edge", d, ...(data.periodic[axis] ? { "stroke-dasharray": "5 4" } : {}) });
    edge(0, `M${LEFT} ${TOP}v${height}m${width} 0v${-height}`);
    edge(1, `M${LEFT} ${TOP}h${width}m0 ${height}h${-width}`);
    for (const x of ticks(0, wide, false, 4)) node(svg, "text", { x: px(x), y: H - BOTTOM + 17, "text-anchor": "middle" }, label(x));
    for (const y of ticks(0, high, false, 4)) node(svg, "text", { x: LEFT - 6, y: py(y) + 4, "text-anchor": "end" }, label(y));
    node(svg, "text", { x: LEFT + width / 2, y: H - 4, "text-anchor": "middle" }, `x (${data.unit})`);
    node(svg, "text", { x: 0, y: 0, "text-anchor": "middle", transform: `translate(12 ${TOP + height / 2}) rotate(-90)` }, `y (${data.unit})`);
    svg.onpointermove = (event) => {
      const box = svg.getBoundingClientRect(), scale = W / box.width;
      point(((event.clientX - box.left) * scale - LEFT) / width * wide, (1 - ((event.clientY - box.top) * scale - TOP) / height) * high);
    };
  }

  // Says what lies at a place: the values of the point nearest to it.
  function point(x, y) {
    if (x < 0 || x > wide || y < 0 || y > high) return;
    let best = -1, least = Infinity;
    data.positions.forEach((p, k) => {
      const distance = Math.hypot(way(x, p[0], 0), way(y, p[1], 1));
      if (distance < least) [best, least] = [k, distance];
    });
    const map = data.maps[chooser.value], say = (v) => v === null ? "not known" : label(Number(v.toPrecision(4)));
    pointed.textContent = `${map.name}, (${data.positions[best].map((v) => label(Number(v.toPrecision(4)))).join(", ")}): ${data.value} ${say(map.before[best])} before, ${say(map.after[best])} after.`;
  }

  function scale() {
    const svg = element("sheet-scale"), W = Math.round(Math.min(420, svg.parentElement.clientWidth || 420)), step = (W - 60) / data.colours.length;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${W} 54`);
    data.colours.forEach((fill, i) => node(svg, "rect", { class: "drawn", x: 30 + i * step, y: 2, width: step + 0.3, height: 14, style: `fill:${fill}`, "shape-rendering": "crispEdges" }));
    for (const v of ticks(-data.reach, data.reach, false, 6)) node(svg, "text", { x: 30 + (W - 60) * (v / data.reach + 1) / 2, y: 31, "text-anchor": "middle" }, label(v));
    node(svg, "text", { x: W / 2, y: 50, "text-anchor": "middle" }, data.value);
  }

  function show() {
    const map = data.maps[chooser.value];
    if (!map) return;
    sheet("sheet-before", map.before, map.moves_before, map.paths_before);
    sheet("sheet-after", map.after, map.moves_after, map.paths_after);
    scale();
  }

  for (const control of [chooser, arrows]) control.addEventListener("change", show);
  window.addEventListener("resize", show);
  show();
})();
