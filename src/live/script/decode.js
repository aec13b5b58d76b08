// Where a bump is: the program's own measures (score, eqs. S6 and S7; phase of the population vector).

class Decoder {
  constructor(network) {
    this.network = network;
    const [first, second] = network.sides.map((s) => s.length);
    this.scores = new Float64Array(first * second);
    // P, the idealized bump with peak 1, over its support: displacements [support, 2], shortest ways, and values [support].
    const rates = network.bumpCurrent.map((current) => Math.sqrt(Math.max(current, 0)));
    const peak = rates.reduce((a, b) => Math.max(a, b), 0), support = [...rates.keys()].filter((at) => rates[at] > 0);
    const shortest = (way, length) => (way < length / 2 ? way : way - length);
    this.ways = Int32Array.from(support.flatMap((at) => [shortest(Math.floor(at / second), first), shortest(at % second, second)]));
    this.values = Float64Array.from(support, (at) => rates[at] / peak);
  }

  // The place of the highest score in one map: of equal scores the first place, as in the program.
  best(map, active, rates) {
    const { network, scores, ways, values } = this, [xs, ys] = network.positions.map((positions) => positions[map]);
    const [first, second] = network.sides.map((s) => s.length);
    let peak = 0;
    for (const i of active) peak = Math.max(peak, rates[i]);
    scores.fill(0);
    for (const i of active) {
      const px = Math.round(xs[i]), py = Math.round(ys[i]), rate = rates[i] / peak;
      for (let k = 0; k < values.length; k++) {
        let x = px - ways[2 * k], y = py - ways[2 * k + 1];
        if (x < 0) x += first;
        else if (x >= first) x -= first;
        if (y < 0) y += second;
        else if (y >= second) y -= second;
        scores[x * second + y] += values[k] * rate;
      }
    }
    let at = 0;
    for (let k = 1; k < scores.length; k++) if (scores[k] > scores[at]) at = k;
    return { place: [Math.floor(at / second), at % second], score: scores[at] };
  }

  // The map that scores highest: of equal scores the first, as in the program.
  winner(active, rates) {
    let won = 0, highest = -Infinity;
    for (let map = 0; map < this.network.maps; map++) {
      const { score } = this.best(map, active, rates);
      if (score > highest) [won, highest] = [map, score];
    }
    return won;
  }

  // The population vector's place in one map.
  phase(map, active, rates) {
    let total = 0;
    for (const i of active) total += rates[i];
    return [0, 1].map((d) => {
      const { length, periodic } = this.network.sides[d], positions = this.network.positions[d][map];
      if (length === 1) return 0;
      let x = 0, y = 0, sum = 0;
      for (const i of active) {
        const angle = 2 * Math.PI * positions[i] / length;
        x += rates[i] * Math.cos(angle);
        y += rates[i] * Math.sin(angle);
        sum += rates[i] * positions[i];
      }
      if (!periodic) return total > 0 ? sum / total : 0;
      const turn = Math.atan2(y, x) / (2 * Math.PI);
      return (turn - Math.floor(turn)) * length;
    });
  }
}
