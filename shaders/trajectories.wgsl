// The network's dynamics by Euler's method: tau dI/dt = -I + h + W phi(I), phi(I) = sqrt(max(I, 0)).
// CPU function of the same meaning: trajectory::trajectories.
//
// A workgroup owns eight neighbouring states and keeps the time loop inside. In each step the neurons that are active in
// any of the eight are listed in ascending order, so that sums have one order whatever the device; each row of W is
// read once for all eight states. A thread owns four consecutive neurons at a time (a quad). Longer lists than
// LIST entries are worked off in pieces, with partial fields kept in `partial`.

struct TrajectoriesParams {
    neurons: u32,
    quads: u32,
    rows_per_part: u32,
    steps: u32,
    step: f32,
    external_current: f32,
}

override THREADS: u32 = 64u;
override PARTS: u32 = 1u;
override MASK_WORDS: u32 = 32u;

const STATES = 8u;
const LIST = 256u;

@group(0) @binding(0) var<uniform> params: TrajectoriesParams;
// I [states, 4 quads] in Hz^2.
@group(0) @binding(1) var<storage, read_write> currents: array<vec4<f32>>;
// Sums of the pieces worked off so far, like the currents.
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;
// W, in up to four parts of whole rows.
@group(0) @binding(3) var<storage, read> weights_0: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> weights_1: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> weights_2: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> weights_3: array<vec4<f32>>;

var<workgroup> mask: array<atomic<u32>, MASK_WORDS>;
// Active neurons before each word of the mask.
var<workgroup> before: array<u32, MASK_WORDS>;
var<workgroup> total: u32;
var<workgroup> list: array<u32, LIST>;
var<workgroup> rates_low: array<vec4<f32>, LIST>;
var<workgroup> rates_high: array<vec4<f32>, LIST>;

fn weights_at(row: u32, quad: u32) -> vec4<f32> {
    if PARTS == 1u {
        return weights_0[row * params.quads + quad];
    }
    let part = row / params.rows_per_part;
    let index = (row % params.rows_per_part) * params.quads + quad;
    switch part {
        case 0u: { return weights_0[index]; }
        case 1u: { return weights_1[index]; }
        case 2u: { return weights_2[index]; }
        default: { return weights_3[index]; }
    }
}

// Bits of the quad's neurons that are active in any of the states that start at `base`.
fn active_bits(base: u32, quad: u32) -> u32 {
    var largest = vec4<f32>(-1.0);
    for (var s = 0u; s < STATES; s++) {
        largest = max(largest, currents[base + s * params.quads + quad]);
    }
    let first = quad * 4u;
    let is_active = (largest > vec4<f32>(0.0))
        & (vec4<u32>(first, first + 1u, first + 2u, first + 3u) < vec4<u32>(params.neurons));
    let bits = select(vec4<u32>(0u), vec4<u32>(1u, 2u, 4u, 8u), is_active);
    return bits.x | bits.y | bits.z | bits.w;
}

fn rate(base: u32, state: u32, neuron: u32) -> f32 {
    return sqrt(max(currents[base + state * params.quads + neuron / 4u][neuron % 4u], 0.0));
}

// Fills the list with active neurons number from .. from + LIST, and their rates.
fn fill_list(base: u32, thread: u32, start: u32) {
    for (var quad = thread; quad < params.quads; quad += THREADS) {
        let word = quad / 8u;
        let shift = (quad % 8u) * 4u;
        let bits = atomicLoad(&mask[word]);
        var position = before[word] + countOneBits(bits & ((1u << shift) - 1u));
        for (var k = 0u; k < 4u; k++) {
            if ((bits >> (shift + k)) & 1u) == 0u {
                continue;
            }
            if position >= start && position < start + LIST {
                let neuron = quad * 4u + k;
                let slot = position - start;
                list[slot] = neuron;
                rates_low[slot] = vec4<f32>(rate(base, 0u, neuron), rate(base, 1u, neuron),
                    rate(base, 2u, neuron), rate(base, 3u, neuron));
                rates_high[slot] = vec4<f32>(rate(base, 4u, neuron), rate(base, 5u, neuron),
                    rate(base, 6u, neuron), rate(base, 7u, neuron));
            }
            position++;
        }
    }
}

// Lists which neurons are active, and counts them.
fn find_active(base: u32, thread: u32) {
    for (var word = thread; word < MASK_WORDS; word += THREADS) {
        atomicStore(&mask[word], 0u);
    }
    workgroupBarrier();
    for (var quad = thread; quad < params.quads; quad += THREADS) {
        let bits = active_bits(base, quad);
        if bits != 0u {
            atomicOr(&mask[quad / 8u], bits << ((quad % 8u) * 4u));
        }
    }
    workgroupBarrier();
    for (var word = thread; word < MASK_WORDS; word += THREADS) {
        var sum = 0u;
        for (var earlier = 0u; earlier < word; earlier++) {
            sum += countOneBits(atomicLoad(&mask[earlier]));
        }
        before[word] = sum;
        if word == MASK_WORDS - 1u {
            total = sum + countOneBits(atomicLoad(&mask[word]));
        }
    }
}

// Adds the listed neurons' inputs to one quad of all states; after the last piece, takes the step.
fn advance(base: u32, quad: u32, count: u32, is_first: bool, is_last: bool) {
    var f0 = vec4<f32>(0.0);
    var f1 = f0;
    var f2 = f0;
    var f3 = f0;
    var f4 = f0;
    var f5 = f0;
    var f6 = f0;
    var f7 = f0;
    let q = params.quads;
    let at = base + quad;
    if !is_first {
        f0 = partial[at];
        f1 = partial[at + q];
        f2 = partial[at + 2u * q];
        f3 = partial[at + 3u * q];
        f4 = partial[at + 4u * q];
        f5 = partial[at + 5u * q];
        f6 = partial[at + 6u * q];
        f7 = partial[at + 7u * q];
    }
    for (var k = 0u; k < count; k++) {
        let w = weights_at(list[k], quad);
        let low = rates_low[k];
        let high = rates_high[k];
        f0 += w * low.x;
        f1 += w * low.y;
        f2 += w * low.z;
        f3 += w * low.w;
        f4 += w * high.x;
        f5 += w * high.y;
        f6 += w * high.z;
        f7 += w * high.w;
    }
    if is_last {
        let h = vec4<f32>(params.external_current);
        let e = params.step;
        currents[at] += e * (h - currents[at] + f0);
        currents[at + q] += e * (h - currents[at + q] + f1);
        currents[at + 2u * q] += e * (h - currents[at + 2u * q] + f2);
        currents[at + 3u * q] += e * (h - currents[at + 3u * q] + f3);
        currents[at + 4u * q] += e * (h - currents[at + 4u * q] + f4);
        currents[at + 5u * q] += e * (h - currents[at + 5u * q] + f5);
        currents[at + 6u * q] += e * (h - currents[at + 6u * q] + f6);
        currents[at + 7u * q] += e * (h - currents[at + 7u * q] + f7);
    } else {
        partial[at] = f0;
        partial[at + q] = f1;
        partial[at + 2u * q] = f2;
        partial[at + 3u * q] = f3;
        partial[at + 4u * q] = f4;
        partial[at + 5u * q] = f5;
        partial[at + 6u * q] = f6;
        partial[at + 7u * q] = f7;
    }
}

@compute @workgroup_size(THREADS)
fn trajectories(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let base = group.x * STATES * params.quads;
    for (var step = 0u; step < params.steps; step++) {
        find_active(base, thread);
        let active_count = workgroupUniformLoad(&total);
        // One turn even if nobody is active: the currents decay all the same.
        for (var start = 0u; start == 0u || start < active_count; start += LIST) {
            fill_list(base, thread, start);
            workgroupBarrier();
            let count = min(active_count - start, LIST);
            let is_last = start + LIST >= active_count;
            // Nobody else touches a thread's quads of the currents: what others need of them is in the list.
            for (var quad = thread; quad < params.quads; quad += THREADS) {
                advance(base, quad, count, start == 0u, is_last);
            }
            workgroupBarrier();
        }
    }
}
