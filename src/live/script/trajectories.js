// The network's dynamics by Euler's method, eq. S4: tau dI/dt = -I + h + W phi(I), phi(I) = sqrt(max(I, 0)).
// The program's functions of the same meaning: dynamics::trajectories and shaders/trajectories.wgsl.

// A generator of numbers in [0, 1) for each bump, so that its noise does not depend on its company.
class Draws {
  constructor(seed) {
    this.state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
  }

  // Mulberry32.
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  }

  // A Poisson number: one multiplication each, for the small means of one time step.
  poisson(mean) {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let left = this.next(); left > limit; left *= this.next()) count++;
    return count;
  }
}

class Trajectories {
  constructor(network) {
    this.network = network;
    const n = network.neurons;
    this.field = new Float64Array(n);
    this.active = new Int32Array(n);
    this.rates = new Float64Array(n);
    this.input = Float64Array.from(network.externalCurrent);
    this.currents = [];
    this.draws = [];
    this.fano = 0;
    this.setPart(0);
  }

  // W = J + part M.
  setPart(part) {
    this.weights = this.network.weights(part);
  }

  // h, and the current of a cue where there is one.
  setCue(current) {
    this.input = Float64Array.from(this.network.externalCurrent, (h, i) => current ? h + current[i] : h);
  }

  // Starts the idealized bumps of these places.
  start(map, places) {
    this.currents = places.map((place) => Float64Array.from(this.network.bumpAt(map, place)));
    this.draws = places.map((_, b) => new Draws(b));
  }

  // The neurons with a positive current, and their rates (Hz), which lie by neuron in `rates`.
  activeOf(bump) {
    const current = this.currents[bump], { active, rates } = this;
    let count = 0;
    for (let i = 0; i < current.length; i++) {
      if (current[i] > 0) {
        active[count++] = i;
        rates[i] = Math.sqrt(current[i]);
      } else {
        rates[i] = 0;
      }
    }
    return active.subarray(0, count);
  }

  // Spikes in place of rates: F Poisson(r dt/F)/dt.
  spikes(active, draws) {
    const scale = this.fano / (this.network.dtMs / 1000);
    let count = 0;
    for (let k = 0; k < active.length; k++) {
      const i = active[k], spikes = draws.poisson(this.rates[i] / scale);
      if (spikes > 0) {
        this.rates[i] = scale * spikes;
        active[count++] = i;
      }
    }
    return active.subarray(0, count);
  }

  // field = W r over the active neurons, four rows at a time.
  recurrentInput(active) {
    const { field, rates, weights: w } = this, n = field.length, stride = this.network.stride;
    field.fill(0);
    let k = 0;
    for (; k + 4 <= active.length; k += 4) {
      const a = active[k], b = active[k + 1], c = active[k + 2], d = active[k + 3];
      const ra = rates[a], rb = rates[b], rc = rates[c], rd = rates[d];
      const pa = a * stride, pb = b * stride, pc = c * stride, pd = d * stride;
      for (let i = 0; i < n; i++) field[i] += ra * w[pa + i] + rb * w[pb + i] + rc * w[pc + i] + rd * w[pd + i];
    }
    for (; k < active.length; k++) {
      const a = active[k], ra = rates[a], pa = a * stride;
      for (let i = 0; i < n; i++) field[i] += ra * w[pa + i];
    }
  }

  advance(bump, steps) {
    const current = this.currents[bump], { field, input } = this, e = this.network.step;
    for (let s = 0; s < steps; s++) {
      let active = this.activeOf(bump);
      if (this.fano > 0) active = this.spikes(active, this.draws[bump]);
      this.recurrentInput(active);
      for (let i = 0; i < current.length; i++) current[i] += e * (input[i] - current[i] + field[i]);
    }
  }

  advanceAll(steps) {
    for (let bump = 0; bump < this.currents.length; bump++) this.advance(bump, steps);
  }

  // E = sum r^3/3 - h r - r W r/2 (Hz^3) of one bump, without cue.
  energy(bump) {
    const active = this.activeOf(bump), { rates, field } = this, h = this.network.externalCurrent;
    this.recurrentInput(active);
    let energy = 0;
    for (const i of active) energy += rates[i] * (rates[i] * rates[i] / 3 - h[i] - 0.5 * field[i]);
    return energy;
  }
}
