// On a landscape, whose colours are pale in the dark too.
const ON_PALE = { text: "#1a1a1a", ground: "#ffffff" };

// Maps of two dimensions, as sheets whose opposite edges are joined: the first coordinate runs to the right, the second up.

class Sheet {
  constructor(network, { colours }) {
    this.network = network;
    this.sides = network.sides.map((side) => side.length);
    this.scale = colours.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
    this.image = document.createElement("canvas");
    [this.image.width, this.image.height] = this.sides;
  }

  // Where the sheet lies in its canvas: corner, and pixels a site.
  frame(w, h) {
    const unit = Math.min((w - 4) / this.sides[0], (h - 4) / this.sides[1]);
    return { unit, left: (w - unit * this.sides[0]) / 2, bottom: (h + unit * this.sides[1]) / 2 };
  }

  // A site's place is the middle of its square.
  placeAt(w, h, x, y) {
    const { unit, left, bottom } = this.frame(w, h);
    return this.wrap([(x - left) / unit - 0.5, (bottom - y) / unit - 0.5]);
  }

  wrap(place) {
    return place.map((x, d) => ((x % this.sides[d]) + this.sides[d]) % this.sides[d]);
  }

  snap(place) {
    return this.wrap(place.map(Math.round));
  }

  step([x, y], [right, up]) {
    return this.wrap([x + right, y + up]);
  }

  // Starts of so many bumps, on whole sites: multiples of the plastic number's powers lie evenly on a torus.
  spread([x, y], count) {
    const plastic = 1.324717957244746;
    return Array.from({ length: count }, (_, k) =>
      this.wrap([x + Math.floor(this.sides[0] * (k / plastic % 1)), y + Math.floor(this.sides[1] * (k / plastic ** 2 % 1))]));
  }

  index([x, y]) {
    return x * this.sides[1] + y;
  }

  inWords(place) {
    return `position ${place.join(", ")}`;
  }

  // The sheet filled site by site: colour(site) is [red, green, blue, opacity]. Returns how places lie in the canvas.
  paint(canvas, colour, edge) {
    const { pen, w, h } = sketch(canvas), { unit, left, bottom } = this.frame(w, h), [first, second] = this.sides;
    const brush = this.image.getContext("2d"), pixels = brush.createImageData(first, second);
    for (let x = 0; x < first; x++) {
      for (let y = 0; y < second; y++) pixels.data.set(colour(x * second + y), 4 * ((second - 1 - y) * first + x));
    }
    brush.putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.image, left, bottom - unit * second, unit * first, unit * second);
    pen.strokeStyle = edge;
    pen.strokeRect(left, bottom - unit * second, unit * first, unit * second);
    return { pen, unit, at: ([x, y]) => [left + unit * (x + 0.5), bottom - unit * (y + 0.5)] };
  }

  // Rates of the neurons of a map, by site.
  paintRates(canvas, { rates, peak, colour, colours }, map) {
    const [xs, ys] = this.network.positions.map((positions) => positions[map]), bySite = new Float32Array(rates.length);
    rates.forEach((rate, i) => { bySite[Math.round(xs[i]) * this.sides[1] + Math.round(ys[i])] = rate; });
    const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    return this.paint(canvas, (site) => [...rgb, 255 * Math.min(1, bySite[site] / peak)], colours.soft);
  }

  dots({ pen, at }, { places, start, colour, colours, hollow }) {
    for (let b = places.length / 2 - 1; b >= 0; b--) {
      const lost = hollow(b), fill = b ? colour : colours.text;
      dot(pen, ...at(places.subarray(2 * b, 2 * b + 2)), b ? 3 : 6, lost ? colours.ground : fill, lost ? fill : colours.ground);
    }
    const [x, y] = at(start);
    tick(pen, [x - 7, y], [x + 7, y], colours.text, []);
    tick(pen, [x, y - 7], [x, y + 7], colours.text, []);
  }

  // Activity, and where the bumps are; a bump that is in another map is a hollow dot, a cross is where the first began.
  drawMap(canvas, told) {
    const { map, winning, cue, marker, colours } = told, { pen, unit, at } = this.paintRates(canvas, told, map);
    this.dots({ pen, at }, { ...told, hollow: (b) => winning[b] !== map });
    if (marker !== null) {
      const [x, y] = at(marker), half = Math.max(unit, 8);
      pen.strokeStyle = colours.link;
      pen.lineWidth = 2;
      pen.strokeRect(x - half / 2, y - half / 2, half, half);
      pen.lineWidth = 1;
    }
    if (cue !== null) dot(pen, ...at(cue), 7, colours.link, colours.ground);
  }

  drawOther(canvas, told) {
    this.paintRates(canvas, told, told.other);
  }

  // The landscape as a map of heights, with the bumps on it.
  drawLandscape(canvas, told) {
    const { energies, range: [low, high] } = told, steps = this.scale.length;
    const shade = (site) => this.scale[Math.max(0, Math.min(steps - 1, Math.floor(steps * (energies[site] - low) / (high - low))))];
    const painted = this.paint(canvas, (site) => [...shade(site), 255], told.colours.soft);
    this.dots(painted, { ...told, colours: { ...told.colours, ...ON_PALE }, hollow: () => false });
  }
}
