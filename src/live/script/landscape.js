// The energy landscape along a map in the network J + part M, from values and slopes that are exact at part = 0 and 1.

class Landscape {
  constructor({ points, levels, energies, slopes }) {
    Object.assign(this, { points, levels, energies: energies.map(unpack), slopes: slopes.map(unpack) });
  }

  // Mean energy of all maps (Hz^3): what energies are shown relative to.
  level(part) {
    return this.levels[0] + part * (this.levels[1] - this.levels[0]);
  }

  // Relative energies of one map, [points] (Hz^3).
  along(map, part) {
    return Float32Array.from({ length: this.points }, (_, k) => this.at(map * this.points + k, part));
  }

  // A minimum's energy is concave in part (it is the least of linear functions): it lies above the chord and below both
  // tangents. In between, the cubic that has values and slopes of both ends.
  at(point, part) {
    const [e0, e1] = this.energies.map((e) => e[point]), [s0, s1] = this.slopes.map((s) => s[point]);
    const chord = e0 + part * (e1 - e0), tangents = Math.min(e0 + part * s0, e1 - (1 - part) * s1);
    const rest = 1 - part;
    const cubic = chord + part * rest * (rest * (s0 - e1 + e0) - part * (s1 - e1 + e0));
    return Math.max(chord, Math.min(cubic, tangents));
  }

  // One map before flattening and at this part of M, and the energies between which both are drawn.
  pair(map, part) {
    const lines = [this.along(map, 0), this.along(map, part)];
    let low = Infinity, high = -Infinity;
    for (const e of [...lines[0], ...lines[1]]) {
      low = Math.min(low, e);
      high = Math.max(high, e);
    }
    const margin = 0.12 * Math.max(high - low, 1);
    return { lines, range: [low - margin, high + 2 * margin] };
  }
}
