// The network's dynamics by Euler's method: tau dI/dt = -I + h + W phi(I), phi(I) = c I^n for I > 0, else 0.
// CPU function of the same meaning: dynamics::trajectories::trajectories; with noise, dynamics::noisy::noisy_trajectories.
//
// A workgroup owns a group of GROUP states (1, 8 or 16) and keeps the time loop inside. In each step the neurons that are
// active in any of them are listed in ascending order, so that sums have one order whatever the device; each row of W is
// read once for all states of the group. A thread owns four consecutive neurons at a time (a quad). The threads of a
// group of one state come in SLICES that share the list between them. Longer lists than LIST entries are worked off in
// pieces, with partial fields kept in `partial`.
//
// With noise every state is a group of its own. Spikes take the place of rates: neurons that send none are not listed.
//
// Constants: THREADS, GROUP, SLICES, LIST (a multiple of UNROLL), MASK_WORDS, IS_ROOT (1 if phi is the square root), and
// those of shared/weights.wgsl and shared/noise.wgsl, which stand before this file.

struct TrajectoriesParams {
    neurons: u32,
    steps: u32,
    step: f32,
    gain: f32,
    exponent: f32,
    // Number of the first step, the generator's key, and how much noise: the mean number of spikes for a rate of 1 Hz, and
    // what a spike sends [Hz]; or what a normal number of 1 adds to a current [Hz^2].
    first_step: u32,
    key_low: u32,
    key_high: u32,
    mean_per_rate: f32,
    size: f32,
}

struct StateGroup {
    // Index of the first of the group's states, which follow on one another.
    first: u32,
    // Rows of W that the group has read: low and high word.
    rows: u32,
    rows_high: u32,
    // Number of the trajectory, a word of the generator's counter.
    trajectory: u32,
}

@group(0) @binding(0) var<uniform> params: TrajectoriesParams;
// I [states, 4 QUADS] in Hz^2.
@group(0) @binding(5) var<storage, read_write> currents: array<vec4<f32>>;
// Sums of the pieces worked off so far, like the currents.
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;
// h [4 QUADS] in Hz^2.
@group(0) @binding(7) var<storage, read> external_current: array<vec4<f32>>;
// One a workgroup.
@group(0) @binding(8) var<storage, read_write> groups: array<StateGroup>;

// Blocks of four states; a group of one fills a quarter of its block.
const BLOCKS = (GROUP + 3u) / 4u;
// Rows of W that are on their way at the same time; one where each has to be looked for in several parts, or compilers take
// minutes. Lists are filled up with rates of 0 to a multiple of it.
const UNROLL = select(1u, 4u, PARTS == 1u);
// Threads that own different quads, and turns in which they reach them all.
const LANES = THREADS / SLICES;
const TURNS = (QUADS + LANES - 1u) / LANES;
// Words of the mask that are counted together.
const RUN = 16u;
const RUNS = (MASK_WORDS + RUN - 1u) / RUN;
const SUMS = select(1u, THREADS, SLICES > 1u);

var<workgroup> mask: array<atomic<u32>, MASK_WORDS>;
// Active neurons before each word of the mask.
var<workgroup> before: array<u32, MASK_WORDS>;
// Active neurons in each run of words.
var<workgroup> in_run: array<u32, RUNS>;
var<workgroup> total: u32;
var<workgroup> list: array<u32, LIST>;
// What the listed neurons send [LIST, BLOCKS], four states each.
var<workgroup> sent: array<vec4<f32>, LIST * BLOCKS>;
// Of every slice.
var<workgroup> sums: array<vec4<f32>, SUMS>;

// The present step and trajectory, for the generator.
var<private> step: u32;
var<private> trajectory: u32;

// Fields of a quad in all states of the group: a column a state.
struct Fields {
    a: mat4x4<f32>,
    b: mat4x4<f32>,
    c: mat4x4<f32>,
    d: mat4x4<f32>,
}

// The first quad whose currents a thread owns: the first slice owns all of them, and nobody else reads or writes them.
fn first_quad(thread: u32) -> u32 {
    return select(QUADS, thread, thread < LANES);
}

// Bits of the quad's neurons that are active in any of the states that start at `base`.
fn active_bits(base: u32, quad: u32) -> u32 {
    var largest = vec4<f32>(-1.0);
    for (var s = 0u; s < GROUP; s++) {
        largest = max(largest, currents[base + s * QUADS + quad]);
    }
    let first = quad * 4u;
    let is_active = (largest > vec4<f32>(0.0))
        & (vec4<u32>(first, first + 1u, first + 2u, first + 3u) < vec4<u32>(params.neurons));
    let bits = select(vec4<u32>(0u), vec4<u32>(1u, 2u, 4u, 8u), is_active);
    let active_ones = bits.x | bits.y | bits.z | bits.w;
    if NOISE != 1u {
        return active_ones;
    }
    var sending = 0u;
    for (var k = 0u; k < 4u; k++) {
        if ((active_ones >> k) & 1u) == 1u && spikes(base, first + k) > 0u {
            sending |= 1u << k;
        }
    }
    return sending;
}

// The rate of a neuron of the group's state `s` [Hz].
fn rate(base: u32, s: u32, neuron: u32) -> f32 {
    let current = currents[base + s * QUADS + neuron / 4u][neuron % 4u];
    if IS_ROOT == 1u {
        return sqrt(max(current, 0.0));
    }
    return select(0.0, params.gain * pow(max(current, 0.0), params.exponent), current > 0.0);
}

// How many spikes a neuron of a single state sends in this step.
fn spikes(base: u32, neuron: u32) -> u32 {
    let key = vec2<u32>(params.key_low, params.key_high);
    let bits = philox(vec4<u32>(step / 4u, neuron, trajectory, 0u), key);
    return poisson(rate(base, 0u, neuron) * params.mean_per_rate, bits[step % 4u]);
}

// What a neuron of the group's state `s` sends: its rate, or that of its spikes [Hz].
fn output(base: u32, s: u32, neuron: u32) -> f32 {
    if NOISE == 1u {
        return f32(spikes(base, neuron)) * params.size;
    }
    return rate(base, s, neuron);
}

// Lists which neurons are active, and counts them.
fn find_active(base: u32, thread: u32) {
    for (var word = thread; word < MASK_WORDS; word += THREADS) {
        atomicStore(&mask[word], 0u);
    }
    workgroupBarrier();
    for (var quad = first_quad(thread); quad < QUADS; quad += LANES) {
        let bits = active_bits(base, quad);
        if bits != 0u {
            atomicOr(&mask[quad / 8u], bits << ((quad % 8u) * 4u));
        }
    }
    workgroupBarrier();
    for (var word = thread; word < MASK_WORDS; word += THREADS) {
        var sum = 0u;
        for (var earlier = word - word % RUN; earlier < word; earlier++) {
            sum += countOneBits(atomicLoad(&mask[earlier]));
        }
        before[word] = sum;
        if word % RUN == RUN - 1u || word == MASK_WORDS - 1u {
            in_run[word / RUN] = sum + countOneBits(atomicLoad(&mask[word]));
        }
    }
    workgroupBarrier();
    for (var word = thread; word < MASK_WORDS; word += THREADS) {
        var sum = before[word];
        for (var run = 0u; run < word / RUN; run++) {
            sum += in_run[run];
        }
        before[word] = sum;
        if word == MASK_WORDS - 1u {
            total = sum + countOneBits(atomicLoad(&mask[word]));
        }
    }
}

// Fills the list with active neurons number start .. start + count and what they send, and with nothing up to `padded`.
fn fill_list(base: u32, thread: u32, start: u32, count: u32, padded: u32) {
    for (var quad = first_quad(thread); quad < QUADS; quad += LANES) {
        let word = quad / 8u;
        let shift = (quad % 8u) * 4u;
        let bits = atomicLoad(&mask[word]);
        var position = before[word] + countOneBits(bits & ((1u << shift) - 1u));
        for (var k = 0u; k < 4u; k++) {
            if ((bits >> (shift + k)) & 1u) == 0u {
                continue;
            }
            if position >= start && position < start + count {
                let neuron = quad * 4u + k;
                let slot = position - start;
                list[slot] = neuron;
                if GROUP == 1u {
                    sent[slot] = vec4<f32>(output(base, 0u, neuron), 0.0, 0.0, 0.0);
                } else {
                    for (var block = 0u; block < BLOCKS; block++) {
                        let s = 4u * block;
                        sent[slot * BLOCKS + block] = vec4<f32>(output(base, s, neuron), output(base, s + 1u, neuron),
                            output(base, s + 2u, neuron), output(base, s + 3u, neuron));
                    }
                }
            }
            position++;
        }
    }
    if count + thread < padded {
        list[count + thread] = 0u;
        for (var block = 0u; block < BLOCKS; block++) {
            sent[(count + thread) * BLOCKS + block] = vec4<f32>(0.0);
        }
    }
}

// Euler's step of one quad of one state, whose field W r is `field`.
fn take_step(at: u32, quad: u32, field: vec4<f32>) {
    currents[at] += params.step * (external_current[quad] - currents[at] + field);
    if NOISE == 2u {
        let key = vec2<u32>(params.key_low, params.key_high);
        currents[at] += params.size * normals(philox(vec4<u32>(step, quad, trajectory, 1u), key));
    }
}

// Adds the listed neurons' inputs to the quads of a state that is alone; after the last piece, takes the step.
fn advance_alone(base: u32, thread: u32, padded: u32, is_first: bool, is_last: bool) {
    let slice = thread / LANES;
    for (var turn = 0u; turn < TURNS; turn++) {
        let quad = turn * LANES + thread % LANES;
        var field = vec4<f32>(0.0);
        if quad < QUADS {
            for (var k = UNROLL * slice; k < padded; k += UNROLL * SLICES) {
                let w0 = weights_at(list[k], quad);
                if UNROLL == 1u {
                    field += w0 * sent[k].x;
                    continue;
                }
                let w1 = weights_0[list[k + 1u] * QUADS + quad];
                let w2 = weights_0[list[k + 2u] * QUADS + quad];
                let w3 = weights_0[list[k + 3u] * QUADS + quad];
                field += w0 * sent[k].x;
                field += w1 * sent[k + 1u].x;
                field += w2 * sent[k + 2u].x;
                field += w3 * sent[k + 3u].x;
            }
        }
        if SLICES > 1u {
            sums[thread] = field;
            workgroupBarrier();
            if slice == 0u {
                for (var other = 1u; other < SLICES; other++) {
                    field += sums[other * LANES + thread];
                }
            }
            workgroupBarrier();
        }
        if slice == 0u && quad < QUADS {
            let at = base + quad;
            if !is_first {
                field += partial[at];
            }
            if is_last {
                take_step(at, quad, field);
            } else {
                partial[at] = field;
            }
        }
    }
}

// A neuron's input to a quad of four states.
fn input(w: vec4<f32>, rates: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(w * rates.x, w * rates.y, w * rates.z, w * rates.w);
}

// Adds the input of list entry `k`, whose weights to the quad are `w`.
fn with_input(fields: Fields, w: vec4<f32>, k: u32) -> Fields {
    var sum = fields;
    sum.a += input(w, sent[k * BLOCKS]);
    sum.b += input(w, sent[k * BLOCKS + 1u]);
    if BLOCKS > 2u {
        sum.c += input(w, sent[k * BLOCKS + 2u]);
        sum.d += input(w, sent[k * BLOCKS + 3u]);
    }
    return sum;
}

// Partial fields of four states.
fn load(at: u32) -> mat4x4<f32> {
    return mat4x4<f32>(partial[at], partial[at + QUADS], partial[at + 2u * QUADS], partial[at + 3u * QUADS]);
}

fn store(at: u32, fields: mat4x4<f32>) {
    partial[at] = fields[0];
    partial[at + QUADS] = fields[1];
    partial[at + 2u * QUADS] = fields[2];
    partial[at + 3u * QUADS] = fields[3];
}

fn take_steps(at: u32, quad: u32, fields: mat4x4<f32>) {
    take_step(at, quad, fields[0]);
    take_step(at + QUADS, quad, fields[1]);
    take_step(at + 2u * QUADS, quad, fields[2]);
    take_step(at + 3u * QUADS, quad, fields[3]);
}

// Adds the listed neurons' inputs to one quad of all states; after the last piece, takes the step.
fn advance_together(base: u32, quad: u32, padded: u32, is_first: bool, is_last: bool) {
    let block = 4u * QUADS;
    let at = base + quad;
    var fields = Fields();
    if !is_first {
        fields.a = load(at);
        fields.b = load(at + block);
        if BLOCKS > 2u {
            fields.c = load(at + 2u * block);
            fields.d = load(at + 3u * block);
        }
    }
    for (var k = 0u; k < padded; k += UNROLL) {
        let w0 = weights_at(list[k], quad);
        if UNROLL == 1u {
            fields = with_input(fields, w0, k);
            continue;
        }
        let w1 = weights_0[list[k + 1u] * QUADS + quad];
        let w2 = weights_0[list[k + 2u] * QUADS + quad];
        let w3 = weights_0[list[k + 3u] * QUADS + quad];
        fields = with_input(fields, w0, k);
        fields = with_input(fields, w1, k + 1u);
        fields = with_input(fields, w2, k + 2u);
        fields = with_input(fields, w3, k + 3u);
    }
    if is_last {
        take_steps(at, quad, fields.a);
        take_steps(at + block, quad, fields.b);
        if BLOCKS > 2u {
            take_steps(at + 2u * block, quad, fields.c);
            take_steps(at + 3u * block, quad, fields.d);
        }
    } else {
        store(at, fields.a);
        store(at + block, fields.b);
        if BLOCKS > 2u {
            store(at + 2u * block, fields.c);
            store(at + 3u * block, fields.d);
        }
    }
}

@compute @workgroup_size(THREADS)
fn trajectories(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let base = groups[group.x].first * QUADS;
    trajectory = groups[group.x].trajectory;
    var rows = 0u;
    for (var done = 0u; done < params.steps; done++) {
        step = params.first_step + done;
        find_active(base, thread);
        let active_count = workgroupUniformLoad(&total);
        // One turn even if nobody is active: the currents decay all the same.
        for (var start = 0u; start == 0u || start < active_count; start += LIST) {
            let count = min(active_count - start, LIST);
            let padded = (count + UNROLL - 1u) / UNROLL * UNROLL;
            rows += padded;
            fill_list(base, thread, start, count, padded);
            workgroupBarrier();
            let is_first = start == 0u;
            let is_last = start + LIST >= active_count;
            if GROUP == 1u {
                advance_alone(base, thread, padded, is_first, is_last);
            } else {
                for (var quad = first_quad(thread); quad < QUADS; quad += LANES) {
                    advance_together(base, quad, padded, is_first, is_last);
                }
            }
            workgroupBarrier();
        }
    }
    if thread == 0u {
        let earlier = groups[group.x].rows;
        groups[group.x].rows = earlier + rows;
        groups[group.x].rows_high += select(0u, 1u, earlier + rows < earlier);
    }
}
