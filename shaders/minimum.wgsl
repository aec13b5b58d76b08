// Constrained minima of the energy, to f32 accuracy; the host ends them in f64.
// CPU function of the same meaning: minimum::newton::Workspace::minimize, whose steps this follows.
//
// Minimize E(r) = sum r^3/3 - h sum r - r.W.r/2 over r >= 0 with c.r = 0. A workgroup owns one state. Neurons that are or
// were active are the candidates, addressed by slot. Each Newton step solves (diag(d) - W + damping) x = -(g + lambda c)
// on the null space of c by conjugate gradients with the preconditioner diag(d + damping), projected; d is the secant
// curvature r + sqrt(T) for T = h + Wr - lambda c > 0, r - T/r else. Negative curvature raises the damping.
//
// Numbers of the size of E cannot be compared in f32. The change of E along a step is a polynomial in the step without
// such numbers, and that is what the line search looks at.

// Constants: THREADS, SLOTS, MASK_WORDS, and those of shared/weights.wgsl, which stands before this file.

struct MinimumParams {
    neurons: u32,
    admits: u32,
    iterations: u32,
    tolerance: f32,
    external_current: f32,
    first: u32,
}

struct StateInfo {
    // In: the point. Offset of its map's positions, and its position on the ring [neuron units].
    map_offset: u32,
    position: f32,
    // Displacements beyond this count as 0 [neuron units].
    window: f32,
    // In: the least-squares multiplier of the start [Hz^2/neuron unit].
    multiplier: f32,
    // In and out: number of candidates.
    count: u32,
    // Out.
    iterations: u32,
    residual: f32,
    // Out: how often the curvature was found negative or a step did not lower the energy, and how often a step was
    // shortened.
    dampings: u32,
    halvings: u32,
}

// Threads that add up reductions.
const SHARES = 8u;
const MAX_HALVINGS = 12u;
const SUFFICIENT_DECREASE = 1e-4;
// Below this fraction of the energy's terms a step's gain is lost in the rounding of the gradient.
const UNRESOLVED = 1e-8;
// Squared reduction of the residual that ends the conjugate gradients.
const INNER_TOLERANCE = 1e-10;

@group(0) @binding(0) var<uniform> params: MinimumParams;
// Positions of all neurons in all maps [maps, neurons].
@group(0) @binding(5) var<storage, read> positions: array<i32>;
@group(0) @binding(6) var<storage, read_write> info: array<StateInfo>;
// Neurons of the candidates [states, SLOTS], and their rates.
@group(0) @binding(7) var<storage, read_write> candidates: array<u32>;
@group(0) @binding(8) var<storage, read_write> candidate_rates: array<f32>;
// W between candidates [workgroups, SLOTS, SLOTS]. A thread reads only columns that it wrote.
@group(0) @binding(9) var<storage, read_write> between: array<f32>;

var<workgroup> neuron: array<u32, SLOTS>;
var<workgroup> r: array<f32, SLOTS>;
var<workgroup> c: array<f32, SLOTS>;
// W r.
var<workgroup> f: array<f32, SLOTS>;
// The step.
var<workgroup> x: array<f32, SLOTS>;
var<workgroup> residue: array<f32, SLOTS>;
var<workgroup> direction: array<f32, SLOTS>;
var<workgroup> trial: array<f32, SLOTS>;
// 1/(d + damping); 0 for candidates that take no part in the step.
var<workgroup> inverse: array<f32, SLOTS>;
var<workgroup> mask: array<atomic<u32>, MASK_WORDS>;
var<workgroup> reduction: array<vec4<f32>, THREADS>;
var<workgroup> shares: array<vec4<f32>, SHARES>;
var<workgroup> count: u32;

var<private> me: u32;
var<private> local_base: u32;
// The point: where its map's positions begin, its own position, and how far displacements count.
var<private> map_offset: u32;
var<private> position: f32;
var<private> window: f32;

// Over the workgroup: sums of x, y, z, and the largest w. The order does not depend on the device.
fn reduce(value: vec4<f32>) -> vec4<f32> {
    reduction[me] = value;
    workgroupBarrier();
    if me < SHARES {
        var share = vec4<f32>(0.0);
        for (var k = me * (THREADS / SHARES); k < (me + 1u) * (THREADS / SHARES); k++) {
            share = vec4<f32>(share.xyz + reduction[k].xyz, max(share.w, reduction[k].w));
        }
        shares[me] = share;
    }
    workgroupBarrier();
    var total = vec4<f32>(0.0);
    for (var k = 0u; k < SHARES; k++) {
        total = vec4<f32>(total.xyz + shares[k].xyz, max(total.w, shares[k].w));
    }
    return total;
}

fn displacement(i: u32) -> f32 {
    let ring = f32(params.neurons);
    var d = f32(positions[map_offset + i]) - position;
    if d < -0.5 * ring {
        d += ring;
    } else if d >= 0.5 * ring {
        d -= ring;
    }
    return select(d, 0.0, abs(d) > window);
}

// Copies W between candidates for those from slot `first_new` on, and their displacements.
fn gather(first_new: u32) {
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        for (var k = select(first_new, 0u, i >= first_new); k < count; k++) {
            between[local_base + k * SLOTS + i] = weight(neuron[k], neuron[i]);
        }
        if i >= first_new {
            c[i] = displacement(neuron[i]);
        }
    }
}

// Row `i` of W times a vector by slot.
fn field_of_direction(i: u32) -> f32 {
    var field = 0.0;
    for (var k = 0u; k < count; k++) {
        field += between[local_base + k * SLOTS + i] * direction[k];
    }
    return field;
}

fn refresh_field() {
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        direction[i] = r[i];
    }
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        f[i] = field_of_direction(i);
    }
}

// Moves the positive entries of `trial` to the nearest ones with c.trial = 0.
fn project() {
    var shift = 0.0;
    for (var turn = 0u; turn < 20u; turn++) {
        var local = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            let moved = trial[i] - shift * c[i];
            if trial[i] > 0.0 && moved > 0.0 {
                local += vec4<f32>(c[i] * moved, c[i] * c[i], abs(c[i] * moved), 0.0);
            }
        }
        let total = reduce(local);
        if !(abs(total.x) > 1e-6 * total.z) || total.y == 0.0 {
            break;
        }
        shift += total.x / total.y;
    }
    for (var i = me; i < count; i += THREADS) {
        if trial[i] > 0.0 {
            trial[i] = max(trial[i] - shift * c[i], 0.0);
        }
    }
}

// Makes candidates of the silent neurons that the present state would activate, in ascending order.
fn admit(lambda: f32) {
    workgroupBarrier();
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        atomicStore(&mask[word], 0u);
    }
    workgroupBarrier();
    for (var slot = me; slot < count; slot += THREADS) {
        atomicOr(&mask[neuron[slot] / 32u], 1u << (neuron[slot] % 32u));
    }
    workgroupBarrier();
    // A bit is set by the one thread that owns the neuron, and read by it alone until the barrier.
    for (var i = me; i < params.neurons; i += THREADS) {
        let bit = 1u << (i % 32u);
        if (atomicLoad(&mask[i / 32u]) & bit) != 0u {
            atomicAnd(&mask[i / 32u], ~bit);
            continue;
        }
        var target_current = params.external_current - lambda * displacement(i);
        for (var k = 0u; k < count; k++) {
            target_current += weight(neuron[k], i) * r[k];
        }
        if target_current > 0.0 {
            atomicOr(&mask[i / 32u], bit);
        }
    }
    workgroupBarrier();
    if me == 0u {
        for (var word = 0u; word < MASK_WORDS; word++) {
            var bits = atomicLoad(&mask[word]);
            while bits != 0u && count < SLOTS {
                neuron[count] = word * 32u + firstTrailingBit(bits);
                r[count] = 0.0;
                bits &= bits - 1u;
                count++;
            }
        }
    }
}

fn target_of(i: u32, lambda: f32) -> f32 {
    return params.external_current + f[i] - lambda * c[i];
}

// (Sum of the curvatures 2r, number of neurons that take part in a step, -, largest violation of the conditions).
fn survey(lambda: f32) -> vec4<f32> {
    var local = vec4<f32>(0.0);
    for (var i = me; i < count; i += THREADS) {
        let t = target_of(i, lambda);
        let takes_part = r[i] > 0.0 || t > 0.0;
        let violation = select(max(t, 0.0), abs(r[i] * r[i] - t), r[i] > 0.0);
        local += vec4<f32>(2.0 * r[i], select(0.0, 1.0, takes_part), 0.0, 0.0);
        local.w = max(local.w, violation);
    }
    return reduce(local);
}

// Solves for the step in x; returns (change of lambda, 1 if the curvature was positive all along).
fn conjugate_gradients(lambda: f32, damping: f32) -> vec2<f32> {
    for (var i = me; i < count; i += THREADS) {
        let t = target_of(i, lambda);
        let takes_part = r[i] > 0.0 || t > 0.0;
        // Of r - T/r only a finite part is wanted when r is tiny.
        let d = select(min(r[i] - t / max(r[i], 1e-12), 1e6), r[i] + sqrt(max(t, 0.0)), t > 0.0);
        inverse[i] = select(0.0, 1.0 / (d + damping), takes_part);
        x[i] = 0.0;
        direction[i] = 0.0;
        residue[i] = select(0.0, t - r[i] * r[i], takes_part);
    }
    var change = 0.0;
    var positive = 1.0;
    var rho = 0.0;
    var rho_end = 0.0;
    for (var turn = 0u; turn <= 2u * count; turn++) {
        var local = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            local += inverse[i] * vec4<f32>(residue[i] * residue[i], c[i] * residue[i], c[i] * c[i], 0.0);
        }
        let squares = reduce(local);
        // The residue's part along c is the multiplier's.
        let mu = select(0.0, squares.y / squares.z, squares.z > 0.0);
        change += mu;
        let rho_new = squares.x - mu * squares.y;
        rho_end = select(rho_end, INNER_TOLERANCE * rho_new, turn == 0u);
        if !(rho_new > rho_end) {
            break;
        }
        let keep = select(rho_new / rho, 0.0, turn == 0u);
        rho = rho_new;
        for (var i = me; i < count; i += THREADS) {
            residue[i] -= select(0.0, mu * c[i], inverse[i] > 0.0);
            direction[i] = inverse[i] * residue[i] + keep * direction[i];
        }
        workgroupBarrier();
        local = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            if inverse[i] > 0.0 {
                let own = direction[i] / inverse[i];
                trial[i] = own - field_of_direction(i);
                local += direction[i] * vec4<f32>(trial[i], own, 0.0, 0.0);
            }
        }
        let curvature = reduce(local);
        if !(curvature.x > 1e-7 * curvature.y) {
            positive = 0.0;
            break;
        }
        let length = rho / curvature.x;
        for (var i = me; i < count; i += THREADS) {
            if inverse[i] > 0.0 {
                x[i] += length * direction[i];
                residue[i] -= length * trial[i];
            }
        }
    }
    return vec2<f32>(change, positive);
}

// Walks along x, projected, until the energy falls enough, and stays there; returns how often the step was halved, or
// MAX_HALVINGS + 1 if the energy does not fall.
fn line_search(lambda: f32) -> u32 {
    var length = 1.0;
    var halvings = 0u;
    for (; halvings <= MAX_HALVINGS; halvings++) {
        for (var i = me; i < count; i += THREADS) {
            trial[i] = max(r[i] + length * x[i], 0.0);
        }
        project();
        for (var i = me; i < count; i += THREADS) {
            direction[i] = trial[i] - r[i];
        }
        workgroupBarrier();
        var local = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            let d = direction[i];
            let gradient = r[i] * r[i] - target_of(i, lambda);
            local.x += d * gradient + d * d * (r[i] + d / 3.0) - 0.5 * d * field_of_direction(i);
            local.y += gradient * x[i];
            local.z += r[i] * (r[i] * r[i] / 3.0 + abs(params.external_current) + 0.5 * abs(f[i]));
        }
        // Change of the energy, slope along x, size of the energy's terms.
        let found = reduce(local);
        let unresolved = UNRESOLVED * found.z;
        if found.x <= SUFFICIENT_DECREASE * length * found.y || (-found.y <= unresolved && found.x <= unresolved) {
            for (var i = me; i < count; i += THREADS) {
                r[i] = trial[i];
            }
            break;
        }
        length *= 0.5;
    }
    return halvings;
}

fn load(state: u32) {
    map_offset = info[state].map_offset;
    position = info[state].position;
    window = info[state].window;
    if me == 0u {
        count = min(info[state].count, SLOTS);
    }
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        neuron[i] = candidates[state * SLOTS + i];
        r[i] = candidate_rates[state * SLOTS + i];
    }
}

fn store(state: u32) {
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        candidates[state * SLOTS + i] = neuron[i];
        candidate_rates[state * SLOTS + i] = r[i];
    }
}

@compute @workgroup_size(THREADS)
fn minimum(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    me = thread;
    local_base = group.x * SLOTS * SLOTS;
    let state = params.first + group.x;
    load(state);
    var lambda = info[state].multiplier;
    var damping = 0.0;
    var residual = 0.0;
    var iterations = 0u;
    var dampings = 0u;
    var halvings = 0u;
    var gathered = 0u;
    loop {
        if params.admits != 0u {
            admit(lambda);
        }
        gather(gathered);
        gathered = count;
        refresh_field();
        let found = survey(lambda);
        residual = found.w;
        if !(residual > params.tolerance) || iterations == params.iterations {
            break;
        }
        iterations++;
        let curvature = found.x / max(found.y, 1.0) + 1e-3;
        var solved = vec2<f32>(0.0);
        for (var attempt = 0u; attempt < 16u && solved.y == 0.0; attempt++) {
            if attempt > 0u {
                damping = max(4.0 * damping, 1e-2 * curvature);
                dampings++;
            }
            solved = conjugate_gradients(lambda, damping);
        }
        let halved = line_search(lambda);
        lambda += solved.x;
        if halved <= MAX_HALVINGS {
            halvings += halved;
            damping = select(0.0, 0.5 * damping, damping > 1e-3 * curvature);
        } else {
            dampings++;
            damping = max(8.0 * damping, 0.1 * curvature);
        }
        if !(damping < 1e6 * curvature) {
            break;
        }
    }
    store(state);
    if me == 0u {
        info[state].count = count;
        info[state].iterations = iterations;
        info[state].residual = residual;
        info[state].dampings = dampings;
        info[state].halvings = halvings;
    }
}
