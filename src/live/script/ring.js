// Maps of one dimension, as circles. What is drawn is told, and nothing is kept.

// Centre and radius of a ring in its canvas.
function ringFrame(w, h) {
  return { x: w / 2, y: h / 2, radius: 0.36 * Math.min(w, h), reach: 0.11 * Math.min(w, h) };
}

// The position on a ring that a point of its canvas belongs to, in [0, length).
function positionOnRing(w, h, x, y, length) {
  const frame = ringFrame(w, h), turn = Math.atan2(x - frame.x, frame.y - y) / TURN;
  return (turn - Math.floor(turn)) * length;
}

// A map that is a ring: drawn as a circle, its landscape unrolled.
class Ring {
  constructor(network) {
    this.length = network.sides[0].length;
    this.orders = Array.from({ length: network.maps }, (_, map) => {
      const positions = network.positions[0][map];
      return Array.from(positions.keys()).sort((a, b) => positions[a] - positions[b]);
    });
  }

  // The place that a point of the map's canvas belongs to.
  placeAt(w, h, x, y) {
    return [positionOnRing(w, h, x, y, this.length), 0];
  }

  // The site nearest to a place.
  snap([x]) {
    return [Math.round(x) % this.length, 0];
  }

  // A place so many sites farther: up counts as ahead.
  step([x], [right, up]) {
    return [(x + right + up + this.length) % this.length, 0];
  }

  // Starts of so many bumps, evenly from a place on, on whole sites.
  spread([x], count) {
    return Array.from({ length: count }, (_, k) => [Math.floor(x + k * this.length / count) % this.length, 0]);
  }

  index([x]) {
    return x;
  }

  inWords([x]) {
    return `position ${x}`;
  }

  // Rates outward, by position; a bump that is in another map is a hollow dot.
  drawMap(canvas, { rates, peak, start, places, map, winning, cue, marker, colour, colours }) {
    const { pen, w, h } = sketch(canvas), frame = ringFrame(w, h), length = this.length, order = this.orders[map];
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
    tick(pen, at(start[0], frame.radius - 6), at(start[0], frame.radius + 6), colours.text, []);
    if (marker !== null) tick(pen, at(marker[0], frame.radius - 10), at(marker[0], frame.radius + frame.reach), colours.link, [3, 3]);
    if (cue !== null) dot(pen, ...at(cue[0], frame.radius + frame.reach + 8), 7, colours.link);
  }

  // Rates along a map, unrolled.
  drawOther(canvas, { rates, peak, other, colour, colours }) {
    const order = this.orders[other];
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
  drawLandscape(canvas, { energies, range: [low, high], start, places, energy, colour, colours }) {
    const length = this.length;
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
    tick(pen, [px(start[0]), bottom - 8], [px(start[0]), bottom], colours.text, []);
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
}
