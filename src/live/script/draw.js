// Drawings. Each is told everything it shows and keeps nothing.

const TURN = 2 * Math.PI;

// A canvas as large as its element, in CSS pixels, cleared.
function sketch(canvas) {
  const { clientWidth: w, clientHeight: h } = canvas, ratio = window.devicePixelRatio;
  const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  pen.font = "12px system-ui, sans-serif";
  return { pen, w, h };
}

function dot(pen, x, y, radius, fill, edge) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, TURN);
  pen.fillStyle = fill;
  pen.fill();
  if (edge) {
    pen.strokeStyle = edge;
    pen.stroke();
  }
}

// Centre and radius of a ring in its canvas.
function ringFrame(w, h) {
  return { x: w / 2, y: h / 2, radius: 0.36 * Math.min(w, h), reach: 0.11 * Math.min(w, h) };
}

// The position on a ring that a point of its canvas belongs to, in [0, length).
function positionOnRing(w, h, x, y, length) {
  const frame = ringFrame(w, h), turn = Math.atan2(x - frame.x, frame.y - y) / TURN;
  return (turn - Math.floor(turn)) * length;
}

// A map as a circle: rates outward, by position; a bump that is in another map is a hollow dot. `order` lists the neurons by
// position.
function drawRing(canvas, { order, rates, peak, length, start, places, map, winning, cue, marker, colour, colours }) {
  const { pen, w, h } = sketch(canvas), frame = ringFrame(w, h);
  const at = (position, distance) => {
    const angle = TURN * position / length;
    return [frame.x + distance * Math.sin(angle), frame.y - distance * Math.cos(angle)];
  };
  pen.strokeStyle = colours.line;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.arc(frame.x, frame.y, frame.radius, 0, TURN);
  pen.stroke();
  pen.fillStyle = colours.soft;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let quarter = 0; quarter < 4; quarter++) {
    pen.fillText(String(Math.round(quarter * length / 4)), ...at(quarter * length / 4, frame.radius - 16));
  }
  pen.beginPath();
  for (let k = 0; k <= order.length; k++) {
    const rate = rates[order[k % order.length]] / peak;
    pen.lineTo(...at(k * length / order.length, frame.radius + frame.reach * rate));
  }
  pen.arc(frame.x, frame.y, frame.radius, -TURN / 4, -TURN / 4 - TURN, true);
  pen.fillStyle = colour;
  pen.fill("evenodd");
  for (let b = places.length / 2 - 1; b >= 0; b--) {
    const lost = winning[b] !== map, fill = b ? colour : colours.text;
    dot(pen, ...at(places[2 * b], frame.radius), b ? 3 : 6, lost ? colours.ground : fill, lost ? fill : colours.ground);
  }
  tick(pen, at(start, frame.radius - 6), at(start, frame.radius + 6), colours.text, []);
  if (marker !== null) tick(pen, at(marker, frame.radius - 10), at(marker, frame.radius + frame.reach), colours.link, [3, 3]);
  if (cue !== null) dot(pen, ...at(cue, frame.radius + frame.reach + 8), 7, colours.link);
}

function tick(pen, from, to, colour, dashes) {
  pen.setLineDash(dashes);
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  pen.setLineDash([]);
  pen.lineWidth = 1;
}

// Rates along a map, unrolled.
function drawStrip(canvas, { order, rates, peak, colour, colours }) {
  const { pen, w, h } = sketch(canvas);
  pen.fillStyle = colour;
  const width = Math.max(w / order.length, 1);
  order.forEach((neuron, k) => {
    const height = (h - 2) * Math.min(rates[neuron] / peak, 1);
    if (height > 0) pen.fillRect(k * w / order.length, h - 1 - height, width, height);
  });
  pen.fillStyle = colours.line;
  pen.fillRect(0, h - 1, w, 1);
}

// The landscape along a map, unrolled, with a dot for each bump: the first at its own energy, the others on the line.
function drawHill(canvas, { energies, range: [low, high], length, start, places, energy, colour, colours }) {
  const { pen, w, h } = sketch(canvas), points = energies.length, bottom = h - 18;
  const px = (position) => position / length * w, py = (e) => bottom - (bottom - 6) * (e - low) / (high - low);
  pen.beginPath();
  for (let k = 0; k <= points; k++) pen.lineTo(px(k * length / points), py(energies[k % points]));
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.stroke();
  pen.lineTo(w, bottom);
  pen.lineTo(0, bottom);
  pen.globalAlpha = 0.15;
  pen.fillStyle = colour;
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
  tick(pen, [px(start), bottom - 8], [px(start), bottom], colours.text, []);
  for (let b = places.length / 2 - 1; b > 0; b--) {
    dot(pen, px(places[2 * b]), py(energies[Math.floor(places[2 * b] / length * points) % points]), 3, colour, colours.ground);
  }
  dot(pen, px(places[0]), py(Math.min(Math.max(energy, low), high)), 6, colours.text, colours.ground);
  pen.fillStyle = colours.soft;
  pen.textBaseline = "alphabetic";
  for (const [align, share] of [["left", 0], ["center", 0.5], ["right", 1]]) {
    pen.textAlign = align;
    pen.fillText(String(Math.round(share * length)), share * w, h - 4);
  }
}

// How many bumps have moved how far, before and after, side by side in each bin.
function drawHistogram(canvas, { before, after, colours }) {
  const { pen, w, h } = sketch(canvas), bottom = h - 18, top = 16, BINS = 24;
  const largest = Math.max(1, ...[...before, ...after].map(Math.abs)), bin = Math.ceil(largest / BINS);
  const bins = Math.floor(largest / bin) + 1, slot = w / bins;
  const counts = [before, after].map((ways) => {
    const count = new Array(bins).fill(0);
    for (const way of ways) count[Math.floor(Math.abs(way) / bin)]++;
    return count;
  });
  const most = Math.max(1, ...counts.flat());
  counts.forEach((count, which) => {
    pen.fillStyle = which ? colours.after : colours.before;
    count.forEach((c, k) => {
      const height = (bottom - top) * c / most;
      pen.fillRect((k + 0.06 + 0.45 * which) * slot, bottom - height, 0.43 * slot, height);
    });
  });
  pen.fillStyle = colours.soft;
  pen.fillRect(0, bottom, w, 1);
  pen.textBaseline = "alphabetic";
  const every = Math.ceil(bins / Math.max(1, Math.floor(w / 60)));
  for (let k = 0; k < bins; k += every) {
    pen.textAlign = k ? "center" : "left";
    pen.fillText(String(k * bin), k * slot + (k ? slot / 2 : 0), h - 4);
  }
  pen.textAlign = "left";
  pen.fillText(`${most} ${most === 1 ? "bump" : "bumps"}`, 0, 11);
}
