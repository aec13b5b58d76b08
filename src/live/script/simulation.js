// A worker's share of a frame of 1/60 s (ms): the rest is for locating bumps and for drawing. A GPU is not shared with
// scripts, and takes at least so many steps at once, or what every submission costs would be all it does.
const BUDGET_MS = { script: 6, gpu: 40 }, LEAST_STEPS = { script: 1, gpu: 50 };

// The two networks, each in a worker of its own: before (J) and after (J + part M).

class Simulation {
  static async open(data, engine) {
    const source = document.getElementById("worker").textContent, shader = document.getElementById("shader").textContent;
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const simulation = new Simulation([0, 1].map(() => new Worker(address)));
    URL.revokeObjectURL(address);
    const [{ by }] = await simulation.order("open", { data, shader, engine });
    return { simulation, by };
  }

  constructor(workers) {
    this.workers = workers;
    this.number = 0;
    this.waiting = new Map();
    this.device = "script";
    this.forget();
    workers.forEach((worker, which) => {
      worker.onmessage = ({ data: { number, answer, error } }) => this.settle(`${which} ${number}`, answer, error);
      worker.onerror = (event) => { for (const key of [...this.waiting.keys()]) this.settle(key, null, event.message || "the worker failed"); };
    });
  }

  settle(key, answer, error) {
    const promise = this.waiting.get(key);
    this.waiting.delete(key);
    if (error) promise?.reject(new Error(error));
    else promise?.resolve(answer);
  }

  // Both networks' answers, in order: before, after. The part of M belongs to the second alone.
  order(order, details) {
    const number = this.number++;
    return Promise.all(this.workers.map((worker, which) => new Promise((resolve, reject) => {
      this.waiting.set(`${which} ${number}`, { resolve, reject });
      const own = "part" in details && which === 0 ? { ...details, part: 0 } : details;
      worker.postMessage({ number, order, details: own });
    })));
  }

  // The cost of a step of the slower network (ms) is not known before the first.
  forget() {
    this.stepMs = { script: 1, gpu: 1 };
  }

  // Takes both networks the same number of steps on: at most `steps`, and as many as fit into the slower one's budget.
  async advance(steps, complete) {
    const fitting = Math.floor(BUDGET_MS[this.device] / this.stepMs[this.device]);
    const made = Math.min(steps, Math.max(LEAST_STEPS[this.device], fitting));
    const found = await this.order("advance", { steps: made, complete });
    if (made > 0) {
      this.device = found[0].device;
      this.stepMs[this.device] = 0.7 * this.stepMs[this.device] + 0.3 * Math.max(...found.map((f) => f.stepMs)) / made;
    }
    return { made, found };
  }

  close() {
    for (const worker of this.workers) worker.terminate();
  }
}
