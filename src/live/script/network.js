// The network that the page carries: shared by the page and its workers.
//
// Positions have D = 1 or 2 coordinates, one a side; a ring counts as a torus whose second side is one spacing long.

// The f32 numbers behind base 64.
function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// The shortest way from one place to another along a side, in [-length/2, length/2) where its ends are one.
function displacement(from, to, side) {
  const way = to - from;
  return side.periodic ? way - side.length * Math.floor(way / side.length + 0.5) : way;
}

class Network {
  constructor(data) {
    this.neurons = data.neurons;
    this.maps = data.maps;
    this.dimension = data.sides.length;
    this.sides = [...data.sides, { length: 1, periodic: true }].slice(0, 2);
    this.step = data.step;
    this.dtMs = data.dt_ms;
    this.externalCurrent = unpack(data.external_current);
    this.bumpCurrent = unpack(data.bump_current);
    this.startCurrent = unpack(data.start_current);
    this.base = unpack(data.weights_base);
    this.delta = unpack(data.weights_delta);
    // Positions [2][maps][neurons].
    const packed = unpack(data.positions), D = this.dimension;
    this.positions = [0, 1].map((d) => Array.from({ length: this.maps }, (_, map) =>
      Float32Array.from({ length: this.neurons }, (_, i) => d < D ? packed[(map * this.neurons + i) * D + d] : 0)));
    // Rows of W are padded to whole vec4, as the program pads them for a GPU.
    this.stride = 4 * Math.ceil(this.neurons / 4);
  }

  // W = J + part M, [neurons, stride].
  weights(part) {
    const n = this.neurons, stride = this.stride, all = new Float32Array(n * stride);
    let at = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++, at++) {
        all[i * stride + j] = all[j * stride + i] = this.base[at] + part * this.delta[at];
      }
    }
    return all;
  }

  // Current of the bump that starts at `place` of a map, [neurons], interpolated between sites.
  bumpAt(map, place) {
    const [first, second] = this.sides.map((s) => s.length);
    const wrap = (x, length) => ((x % length) + length) % length;
    return Float32Array.from({ length: this.neurons }, (_, i) => {
      const x = wrap(this.positions[0][map][i] - place[0], first), y = wrap(this.positions[1][map][i] - place[1], second);
      const x0 = Math.floor(x), y0 = Math.floor(y), fx = x - x0, fy = y - y0;
      const at = (a, b) => this.startCurrent[(a % first) * second + (b % second)];
      return (1 - fx) * ((1 - fy) * at(x0, y0) + fy * at(x0, y0 + 1)) + fx * ((1 - fy) * at(x0 + 1, y0) + fy * at(x0 + 1, y0 + 1));
    });
  }

  // Length and sign of the way between two places: signed on a ring, as the program's drift is.
  way(from, to) {
    const [x, y] = [0, 1].map((d) => displacement(from[d], to[d], this.sides[d]));
    return this.dimension === 1 ? x : Math.hypot(x, y);
  }
}
