// The same dynamics on the GPU, by the program's own trajectories.wgsl: bindings and padding as in the program's
// compute::gpu::trajectories, without noise and cue.

const STATES_PER_GROUP = 8;

class WebGpu {
  // Of this browser, or undefined and the reason.
  static async open(network, shader) {
    if (!navigator.gpu) return { reason: "this browser has no WebGPU" };
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) return { reason: "WebGPU finds no GPU" };
    const bytes = 4 * network.neurons * network.stride, { limits } = adapter;
    if (bytes > limits.maxStorageBufferBindingSize) return { reason: "the network is too large for this GPU" };
    const device = await adapter.requestDevice({ requiredLimits: { maxStorageBufferBindingSize: bytes } });
    return { engine: new WebGpu(network, device, shader), name: adapter.info.description || adapter.info.vendor };
  }

  constructor(network, device, shader) {
    this.network = network;
    this.device = device;
    device.lost.then(({ message }) => { this.lost = message || "lost"; });
    const quads = network.stride / 4;
    // As the program's compute::gpu::sizes, for groups of eight states.
    const constants = {
      PARTS: 1, ROWS_PER_PART: network.neurons, QUADS: quads, THREADS: Math.min(128, 32 * Math.ceil(quads / 32)),
      GROUP: STATES_PER_GROUP, SLICES: 1, LIST: 256, MASK_WORDS: Math.ceil(network.neurons / 32), IS_ROOT: 1, NOISE: 0,
    };
    const sizes = Object.entries(constants).map(([name, value]) => `const ${name} = ${value}u;\n`).join("");
    this.pipeline = device.createComputePipeline({
      layout: "auto",
      compute: {
        module: device.createShaderModule({ code: sizes + shader }),
        entryPoint: "trajectories",
      },
    });
    this.params = device.createBuffer({ size: 48, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.weights = device.createBuffer({ size: 4 * network.neurons * network.stride, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    this.unused = [1, 2, 3].map(() => device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE }));
    this.externalCurrent = device.createBuffer({ size: 4 * network.stride, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(this.externalCurrent, 0, Float32Array.from({ length: network.stride }, (_, i) => network.externalCurrent[i] ?? 0));
    this.capacity = 0;
  }

  // W [neurons, stride].
  setWeights(weights) {
    this.device.queue.writeBuffer(this.weights, 0, weights);
  }

  // Room for so many states.
  reserve(states) {
    if (states === this.capacity) return;
    const size = 4 * states * this.network.stride, storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    for (const buffer of [this.currents, this.partial, this.result, this.groups]) buffer?.destroy();
    this.currents = this.device.createBuffer({ size, usage: storage });
    this.partial = this.device.createBuffer({ size, usage: storage });
    this.result = this.device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    // The first state of every group, two words in which its rows are counted, and one for noise.
    const groups = Uint32Array.from({ length: 4 * states / STATES_PER_GROUP }, (_, k) => k % 4 ? 0 : k / 4 * STATES_PER_GROUP);
    this.groups = this.device.createBuffer({ size: groups.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    this.device.queue.writeBuffer(this.groups, 0, groups);
    const buffers = [this.params, this.weights, ...this.unused, this.currents, this.partial, this.externalCurrent, this.groups];
    this.bindings = this.device.createBindGroup({
      layout: this.pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    this.capacity = states;
  }

  // Takes all bumps of the trajectories so many steps on.
  async advanceAll(trajectories, steps) {
    const { neurons, stride, step } = this.network, count = trajectories.currents.length;
    const states = STATES_PER_GROUP * Math.ceil(count / STATES_PER_GROUP);
    this.reserve(states);
    // The last group is filled up with its last state; padding neurons are silent.
    const currents = new Float32Array(states * stride).fill(-1);
    for (let s = 0; s < states; s++) currents.set(trajectories.currents[Math.min(s, count - 1)], s * stride);
    this.device.queue.writeBuffer(this.currents, 0, currents);
    const params = new DataView(new ArrayBuffer(48));
    [neurons, steps].forEach((value, k) => params.setUint32(4 * k, value, true));
    // Step, and gain and exponent of the square root; what follows is for noise.
    [step, 1, 0.5].forEach((value, k) => params.setFloat32(8 + 4 * k, value, true));
    this.device.queue.writeBuffer(this.params, 0, params.buffer);
    const commands = this.device.createCommandEncoder(), pass = commands.beginComputePass();
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.bindings);
    pass.dispatchWorkgroups(states / STATES_PER_GROUP);
    pass.end();
    commands.copyBufferToBuffer(this.currents, 0, this.result, 0, 4 * states * stride);
    this.device.queue.submit([commands.finish()]);
    await this.result.mapAsync(GPUMapMode.READ);
    const found = new Float32Array(this.result.getMappedRange());
    trajectories.currents.forEach((current, b) => current.set(found.subarray(b * stride, b * stride + neurons)));
    this.result.unmap();
    if (this.lost) throw new Error(`the GPU was lost (${this.lost}); reload the page, or choose JavaScript`);
  }
}
