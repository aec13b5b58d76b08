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
    // A step of the slower network (ms); nothing is known before the first.
    this.stepMs = 1;
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

  // Takes both networks the same number of steps on: at most `steps`, and as many as fit into `budgetMs` of the slower one.
  async advance(steps, budgetMs, complete) {
    const made = Math.min(steps, Math.max(1, Math.floor(budgetMs / this.stepMs)));
    const found = await this.order("advance", { steps: made, complete });
    if (made > 0) this.stepMs = 0.7 * this.stepMs + 0.3 * Math.max(...found.map((f) => f.stepMs)) / made;
    return { made, found };
  }

  close() {
    for (const worker of this.workers) worker.terminate();
  }
}
