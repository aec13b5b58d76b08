// Constrained minima of the energy, to f32 accuracy, and the steps by which the host takes them to f64.
// CPU function of the same meaning: landscape::newton::Workspace::minimize, whose steps this follows.
//
// Minimize E(r) = sum U(r) - sum h r - r.W.r/2 over r >= 0 with C.r = 0, where U' is the current that a rate asks for and C
// has a row of displacements a dimension. A workgroup owns one state. Neurons are numbered in the order of the state's map,
// and W stands in that order (permute.wgsl): what a bump needs of it is a block, much the same for its neighbours. Neurons
// that are or were active are the candidates, addressed by slot. Each Newton step solves (diag(d) - W + damping) x = -(g + C lambda) on the null space of C by
// conjugate gradients with the preconditioner diag(d + damping), projected; d is the secant curvature, r + sqrt(T) for
// T = h + Wr - C lambda > 0, r - T/r else, where U' = r^2. Far from the minimum it is solved roughly (Eisenstat & Walker
// 1996). Negative curvature raises the damping.
//
// Numbers of the size of E cannot be compared in f32. The change of E along a step is a polynomial in the step without
// such numbers, and that is what the line search looks at.
//
// With `corrects` one step is solved for gaps T - U' that the host found in f64.
//
// Constants: THREADS, SLOTS, MASK_WORDS, DIMENSION (1 or 2), IS_ROOT (1 if U' = r^2), and those of shared/weights.wgsl, which
// stands before this file.

struct MinimumParams {
    neurons: u32,
    // 1 if silent neurons may join.
    admits: u32,
    // 1 to solve for given gaps.
    corrects: u32,
    // Newton iterations, and turns of the conjugate gradients, after which a state is left as it is.
    iterations: u32,
    turns: u32,
    tolerance: f32,
    // Largest |h| [Hz^2].
    largest_current: f32,
    // c and n of the transfer function.
    gain: f32,
    exponent: f32,
    first: u32,
    // States of this batch.
    states: u32,
}

struct StateInfo {
    // Out: the multipliers [Hz^2/neuron unit]; with `corrects`, their change.
    multiplier_x: f32,
    multiplier_y: f32,
    // In and out: number of candidates.
    count: u32,
    // Out.
    iterations: u32,
    // Largest violation of the minimum's conditions [Hz^2]; with `corrects`, beyond all bounds if no step was found.
    residual: f32,
    // How often the curvature was found negative or a step did not lower the energy, and how often a step was shortened.
    dampings: u32,
    halvings: u32,
    // 1 if more neurons would have joined than there are slots.
    is_full: u32,
    // In: 1 if the state's map is a surface.
    is_on_surface: u32,
    // Out. Turns of the conjugate gradients; multiply-adds with W, of which a word is read for each.
    turns: u32,
    multiply_adds: f32,
}

// Threads that add up reductions.
const SHARES = 8u;
const MAX_HALVINGS = 12u;
const MAX_ATTEMPTS = 16u;
const SUFFICIENT_DECREASE = 1e-4;
// Below this fraction of the energy's terms a step's gain is lost in the rounding of the gradient.
const UNRESOLVED = 1e-8;
// Squared reductions of the residual that end the conjugate gradients: at most, at least.
const ROUGHEST = 1e-6;
const FINEST = 1e-10;
// A silent neuron that is silent by no more than so many tolerances is a candidate too: rounding hides none from the host.
const MARGIN = 8.0;
// A state farther than that many tolerances from its minimum asks the silent neurons after every step; others at rest.
const MOVING = 1e3;
// As landscape::newton::CROWD and RIM, and turns in which the number of neurons that join is brought down.
const CROWD = 20.0;
const RIM = 6.0;
const CROWD_TURNS = 24u;

@group(0) @binding(0) var<uniform> params: MinimumParams;
// C of every state [states, DIMENSION, neurons] in neuron units.
@group(0) @binding(5) var<storage, read> displacements: array<f32>;
// h [neurons] in Hz^2.
@group(0) @binding(6) var<storage, read> external_current: array<f32>;
@group(0) @binding(7) var<storage, read_write> info: array<StateInfo>;
// Neurons of the candidates [states, SLOTS].
@group(0) @binding(8) var<storage, read_write> candidates: array<u32>;
// [arrays, states, SLOTS], see below. A thread touches only its own slots.
@group(0) @binding(9) var<storage, read_write> work: array<f32>;

// T of all neurons as mark() last found it [states, neurons] in Hz^2.
@group(0) @binding(10) var<storage, read_write> targets: array<f32>;

// Rates in and out; steps out with `corrects`.
const RATE = 0u;
// Gaps in with `corrects`; then what conjugate gradients leave of them.
const RESIDUE = 1u;
// h + W r.
const DRIVE = 2u;
const STEP = 3u;
// The rates at the end of a step; what conjugate gradients multiply.
const TRIAL = 4u;
// 1/(d + damping); 0 for candidates that take no part in the step.
const INVERSE = 5u;
const ALONG_X = 6u;
const ALONG_Y = 7u;

var<workgroup> neuron: array<u32, SLOTS>;
// What is multiplied with W.
var<workgroup> direction: array<f32, SLOTS>;
var<workgroup> mask: array<atomic<u32>, MASK_WORDS>;
var<workgroup> reduction: array<vec4<f32>, THREADS>;
var<workgroup> shares: array<vec4<f32>, SHARES>;
var<workgroup> count: u32;

var<private> me: u32;
var<private> own_state: u32;
var<private> is_full: u32;
var<private> is_on_surface: u32;
var<private> turns: u32;
// Of this thread.
var<private> multiply_adds: u32;

fn at(kind: u32, slot: u32) -> u32 {
    return (kind * params.states + own_state) * SLOTS + slot;
}

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

// U': the current that a rate asks for.
fn own_current(rate: f32) -> f32 {
    if IS_ROOT == 1u {
        return rate * rate;
    }
    return select(0.0, pow(max(rate, 0.0) / params.gain, 1.0 / params.exponent), rate > 0.0);
}

// U''; 0 for silent neurons.
fn curvature_of(rate: f32) -> f32 {
    if IS_ROOT == 1u {
        return 2.0 * rate;
    }
    return select(0.0, own_current(rate) / (params.exponent * rate), rate > 0.0);
}

// The curvature that takes an uncoupled neuron from `rate` to its solution at `t` in one step, or silences it.
fn secant(rate: f32, t: f32) -> f32 {
    let own = own_current(rate);
    if !(t > 0.0) {
        // Only a finite part is wanted when the rate is tiny.
        return min((own - t) / max(rate, 1e-12), 1e6);
    }
    if IS_ROOT == 1u {
        return rate + sqrt(t);
    }
    let solution = params.gain * pow(t, params.exponent);
    // Where the two ends meet, the secant is the tangent.
    let is_apart = abs(rate - solution) > 1e-3 * solution;
    return select(curvature_of(solution), (own - t) / (rate - solution), is_apart);
}

// U(r + d) - U(r) - d U'(r), without numbers of the size of U where d is small.
fn bend(rate: f32, d: f32) -> f32 {
    if IS_ROOT == 1u {
        return d * d * (rate + d / 3.0);
    }
    let n = params.exponent;
    if rate > 0.0 && abs(d) < 0.1 * rate {
        let share = d / rate;
        let power = 1.0 / n - 1.0;
        let series = 1.0 + power / 3.0 * share * (1.0 + (power - 1.0) / 4.0 * share);
        return 0.5 * d * d * curvature_of(rate) * series;
    }
    let end = rate + d;
    return n / (n + 1.0) * (own_current(end) * end - own_current(rate) * rate) - d * own_current(rate);
}

// C of any neuron.
fn displacement(i: u32) -> vec2<f32> {
    let first = own_state * DIMENSION * params.neurons + i;
    if DIMENSION == 1u {
        return vec2<f32>(displacements[first], 0.0);
    }
    return vec2<f32>(displacements[first], displacements[first + params.neurons]);
}

// C of a candidate.
fn along(i: u32) -> vec2<f32> {
    if DIMENSION == 1u {
        return vec2<f32>(work[at(ALONG_X, i)], 0.0);
    }
    return vec2<f32>(work[at(ALONG_X, i)], work[at(ALONG_Y, i)]);
}

// The part of a pair of moments along C, whose products are `squares` (xx, xy, yy); where they are singular, along one axis.
fn balance(squares: vec3<f32>, moments: vec2<f32>) -> vec2<f32> {
    let determinant = squares.x * squares.z - squares.y * squares.y;
    if determinant > 1e-6 * squares.x * squares.z {
        return vec2<f32>(
            squares.z * moments.x - squares.y * moments.y,
            squares.x * moments.y - squares.y * moments.x,
        ) / determinant;
    }
    if squares.x > 0.0 && squares.x >= squares.z {
        return vec2<f32>(moments.x / squares.x, 0.0);
    }
    return vec2<f32>(0.0, select(0.0, moments.y / squares.z, squares.z > 0.0));
}

// Copies the displacements of the candidates from slot `first_new` on.
fn gather(first_new: u32) {
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        if i >= first_new {
            let c = displacement(neuron[i]);
            work[at(ALONG_X, i)] = c.x;
            if DIMENSION == 2u {
                work[at(ALONG_Y, i)] = c.y;
            }
        }
    }
}

// W times the vector in `direction`, at one candidate.
fn field_of_direction(i: u32) -> f32 {
    let column = neuron[i];
    var field = 0.0;
    for (var k = 0u; k < count; k++) {
        let factor = direction[k];
        if factor != 0.0 {
            field += weight(neuron[k], column) * factor;
            multiply_adds++;
        }
    }
    return field;
}

fn refresh_drive() {
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        direction[i] = work[at(RATE, i)];
    }
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        work[at(DRIVE, i)] = external_current[neuron[i]] + field_of_direction(i);
    }
}

// The lambda that leaves the least squares of g + C lambda over active neurons.
fn least_squares_multiplier() -> vec2<f32> {
    var squares = vec4<f32>(0.0);
    var moments = vec4<f32>(0.0);
    for (var i = me; i < count; i += THREADS) {
        let r = work[at(RATE, i)];
        if r > 0.0 {
            let c = along(i);
            squares += vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
            moments += vec4<f32>(c * (work[at(DRIVE, i)] - own_current(r)), 0.0, 0.0);
        }
    }
    let products = reduce(squares);
    return balance(products.xyz, reduce(moments).xy);
}

// Moves the positive entries of `trial` to the nearest ones with C.trial = 0.
fn project() {
    var shift = vec2<f32>(0.0);
    for (var turn = 0u; turn < 20u; turn++) {
        var moments = vec4<f32>(0.0);
        var squares = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            let c = along(i);
            let own = work[at(TRIAL, i)];
            let moved = own - dot(shift, c);
            if own > 0.0 && moved > 0.0 {
                moments += vec4<f32>(c * moved, (abs(c.x) + abs(c.y)) * moved, 0.0);
                squares += vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
            }
        }
        let moment = reduce(moments);
        let more = balance(reduce(squares).xyz, moment.xy);
        if !(abs(moment.x) + abs(moment.y) > 1e-6 * moment.z) || all(more == vec2<f32>(0.0)) {
            break;
        }
        shift += more;
    }
    for (var i = me; i < count; i += THREADS) {
        let own = work[at(TRIAL, i)];
        if own > 0.0 {
            work[at(TRIAL, i)] = max(own - dot(shift, along(i)), 0.0);
        }
    }
}

// T of four neurons, for the rates in `direction`.
fn find_targets(lambda: vec2<f32>, quad: u32) {
    var t = vec4<f32>(0.0);
    for (var k = 0u; k < count; k++) {
        let rate = direction[k];
        if rate != 0.0 {
            t += weights_at(neuron[k], quad) * rate;
            multiply_adds += 4u;
        }
    }
    for (var k = 0u; k < 4u && 4u * quad + k < params.neurons; k++) {
        let i = 4u * quad + k;
        targets[own_state * params.neurons + i] = external_current[i] + t[k] - dot(lambda, displacement(i));
    }
}

// Marks the silent neurons whose T is above the threshold; returns (how many, active candidates, -, largest T). T is found
// first, or still known.
fn mark(lambda: vec2<f32>, threshold: f32, is_known: bool) -> vec4<f32> {
    workgroupBarrier();
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        atomicStore(&mask[word], 0u);
    }
    workgroupBarrier();
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        atomicOr(&mask[neuron[slot] / 32u], 1u << (neuron[slot] % 32u));
        local.y += select(0.0, 1.0, work[at(RATE, slot)] > 0.0);
    }
    workgroupBarrier();
    // Four neurons at a time. Their bits are touched by no other thread until the barrier.
    for (var quad = me; quad < QUADS; quad += THREADS) {
        let first = 4u * quad;
        let place = first % 32u;
        let taken = (atomicLoad(&mask[first / 32u]) >> place) & 15u;
        if !is_known {
            find_targets(lambda, quad);
        }
        var joining = 0u;
        for (var k = 0u; k < 4u && first + k < params.neurons; k++) {
            let own = targets[own_state * params.neurons + first + k];
            if ((taken >> k) & 1u) == 0u && own > threshold {
                joining |= 1u << k;
                local += vec4<f32>(1.0, 0.0, 0.0, 0.0);
                local.w = max(local.w, own);
            }
        }
        atomicXor(&mask[first / 32u], (taken ^ joining) << place);
    }
    return reduce(local);
}

// Makes candidates of the silent neurons that the present state would activate, or nearly so, in ascending order: of all, or
// where they are too many, of those with the largest T.
fn admit(lambda: vec2<f32>) {
    var threshold = -MARGIN * params.tolerance;
    var largest = 0.0;
    for (var turn = 0u; turn < CROWD_TURNS; turn++) {
        let marked = mark(lambda, threshold, turn > 0u);
        let free = f32(SLOTS - count);
        if turn == 0u {
            largest = marked.w;
            is_full = select(0u, 1u, marked.x > free);
        }
        let line = select(f32(params.neurons), 2.0 * marked.y, CROWD * marked.y < f32(params.neurons));
        let crowd = select(line, floor(marked.y / RIM) + 1.0, is_on_surface == 1u);
        if !(marked.x > min(free, crowd)) || free == 0.0 {
            break;
        }
        threshold = 0.5 * (threshold + largest);
    }
    workgroupBarrier();
    if me == 0u {
        for (var word = 0u; word < MASK_WORDS; word++) {
            var bits = atomicLoad(&mask[word]);
            while bits != 0u && count < SLOTS {
                neuron[count] = word * 32u + firstTrailingBit(bits);
                bits &= bits - 1u;
                count++;
            }
        }
    }
}

fn target_of(i: u32, lambda: vec2<f32>) -> f32 {
    return work[at(DRIVE, i)] - dot(lambda, along(i));
}

// (Sum of the curvatures, number of neurons that take part in a step, -, largest violation of the conditions).
fn survey(lambda: vec2<f32>) -> vec4<f32> {
    var local = vec4<f32>(0.0);
    for (var i = me; i < count; i += THREADS) {
        let t = target_of(i, lambda);
        let r = work[at(RATE, i)];
        let takes_part = r > 0.0 || t > 0.0;
        let violation = select(max(t, 0.0), abs(own_current(r) - t), r > 0.0);
        local += vec4<f32>(curvature_of(r), select(0.0, 1.0, takes_part), 0.0, 0.0);
        local.w = max(local.w, violation);
    }
    return reduce(local);
}

// Change of lambda, squared size of the residue at the beginning, and whether the curvature was positive all along.
struct Solved {
    change: vec2<f32>,
    rho: f32,
    is_positive: bool,
}

// Solves for the step in x. `previous_rho` is the size that the step before began with.
fn conjugate_gradients(lambda: vec2<f32>, damping: f32, previous_rho: f32) -> Solved {
    var squares = vec4<f32>(0.0);
    for (var i = me; i < count; i += THREADS) {
        // With `corrects` the residue holds the gaps already.
        let r = work[at(RATE, i)];
        let gap = select(target_of(i, lambda) - own_current(r), work[at(RESIDUE, i)], params.corrects == 1u);
        let t = gap + own_current(r);
        let takes_part = r > 0.0 || t > 0.0;
        let c = along(i);
        let inverse = select(0.0, 1.0 / (secant(r, t) + damping), takes_part);
        work[at(INVERSE, i)] = inverse;
        work[at(STEP, i)] = 0.0;
        direction[i] = 0.0;
        work[at(RESIDUE, i)] = select(0.0, gap, takes_part);
        squares += inverse * vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
    }
    let products = reduce(squares).xyz;
    var solved = Solved(vec2<f32>(0.0), 0.0, true);
    var rho = 0.0;
    var rho_end = 0.0;
    for (var turn = 0u; turn <= 2u * count && turns < params.turns; turn++) {
        var local = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            let residue = work[at(RESIDUE, i)];
            local += work[at(INVERSE, i)] * residue * vec4<f32>(residue, along(i), 0.0);
        }
        let found = reduce(local);
        // The residual's part along C is the multipliers'.
        let mu = balance(products, found.yz);
        solved.change += mu;
        let rho_new = found.x - dot(mu, found.yz);
        if turn == 0u {
            let ratio = rho_new / previous_rho;
            let rough = select(ROUGHEST, clamp(0.81 * ratio * ratio, FINEST, ROUGHEST), previous_rho > 0.0);
            rho_end = rho_new * select(rough, FINEST, params.corrects == 1u);
            solved.rho = rho_new;
        }
        if !(rho_new > rho_end) {
            break;
        }
        let keep = select(rho_new / rho, 0.0, turn == 0u);
        rho = rho_new;
        for (var i = me; i < count; i += THREADS) {
            let inverse = work[at(INVERSE, i)];
            let residue = work[at(RESIDUE, i)] - select(0.0, dot(mu, along(i)), inverse > 0.0);
            work[at(RESIDUE, i)] = residue;
            direction[i] = inverse * residue + keep * direction[i];
        }
        workgroupBarrier();
        local = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            let inverse = work[at(INVERSE, i)];
            if inverse > 0.0 {
                let own = direction[i] / inverse;
                let image = own - field_of_direction(i);
                work[at(TRIAL, i)] = image;
                local += direction[i] * vec4<f32>(image, own, 0.0, 0.0);
            }
        }
            turns++;
        let curvature = reduce(local);
        if !(curvature.x > 1e-7 * curvature.y) {
            solved.is_positive = false;
            break;
        }
        let length = rho / curvature.x;
        for (var i = me; i < count; i += THREADS) {
            if work[at(INVERSE, i)] > 0.0 {
                work[at(STEP, i)] += length * direction[i];
                work[at(RESIDUE, i)] -= length * work[at(TRIAL, i)];
            }
        }
    }
    return solved;
}

// Walks along x, projected, until the energy falls enough, and stays there; returns how often the step was halved, or
// MAX_HALVINGS + 1 if the energy does not fall.
fn line_search(lambda: vec2<f32>) -> u32 {
    var length = 1.0;
    var halvings = 0u;
    for (; halvings <= MAX_HALVINGS; halvings++) {
        for (var i = me; i < count; i += THREADS) {
            work[at(TRIAL, i)] = max(work[at(RATE, i)] + length * work[at(STEP, i)], 0.0);
        }
        project();
        for (var i = me; i < count; i += THREADS) {
            direction[i] = work[at(TRIAL, i)] - work[at(RATE, i)];
        }
        workgroupBarrier();
        var local = vec4<f32>(0.0);
        for (var i = me; i < count; i += THREADS) {
            let d = direction[i];
            let r = work[at(RATE, i)];
            let gradient = own_current(r) - target_of(i, lambda);
            local.x += d * gradient + bend(r, d) - 0.5 * d * field_of_direction(i);
            local.y += gradient * work[at(STEP, i)];
            local.z += r * (own_current(r) + 1.5 * params.largest_current);
        }
            // Change of the energy, slope along x, size of the energy's terms.
        let found = reduce(local);
        let unresolved = UNRESOLVED * found.z;
        if found.x <= SUFFICIENT_DECREASE * length * found.y || (-found.y <= unresolved && found.x <= unresolved) {
            for (var i = me; i < count; i += THREADS) {
                work[at(RATE, i)] = work[at(TRIAL, i)];
            }
            break;
        }
        length *= 0.5;
    }
    return halvings;
}

fn load() {
    if me == 0u {
        count = min(info[own_state].count, SLOTS);
    }
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        neuron[i] = candidates[own_state * SLOTS + i];
    }
}

fn store() {
    workgroupBarrier();
    for (var i = me; i < count; i += THREADS) {
        candidates[own_state * SLOTS + i] = neuron[i];
        if params.corrects == 1u {
            work[at(RATE, i)] = work[at(STEP, i)];
        }
    }
}

@compute @workgroup_size(THREADS)
fn minimum(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    me = thread;
    own_state = params.first + group.x;
    load();
    is_on_surface = info[own_state].is_on_surface;
    var lambda = vec2<f32>(0.0);
    var damping = 0.0;
    var residual = 0.0;
    var previous_rho = 0.0;
    var iterations = 0u;
    var dampings = 0u;
    var halvings = 0u;
    var gathered = 0u;
    var begins = true;
    var asks = params.admits == 1u;
    // Whether silent neurons have been asked in the present state.
    var is_asked = params.admits == 0u;
    loop {
        gather(gathered);
        gathered = count;
        var curvature = 0.0;
        if params.corrects == 0u {
            refresh_drive();
            if begins {
                lambda = least_squares_multiplier();
                begins = false;
            }
            if asks {
                asks = false;
                is_asked = true;
                admit(lambda);
                workgroupBarrier();
                if count > gathered {
                    for (var i = me; i < count; i += THREADS) {
                        work[at(RATE, i)] = select(work[at(RATE, i)], 0.0, i >= gathered);
                    }
                    continue;
                }
            }
            let found = survey(lambda);
            residual = found.w;
            let is_at_rest = !(residual > params.tolerance);
            if is_at_rest && !is_asked {
                asks = true;
                continue;
            }
            if is_at_rest || iterations >= params.iterations || turns >= params.turns {
                break;
            }
            curvature = found.x / max(found.y, 1.0) + 1e-3;
        }
        iterations++;
        var solved = Solved(vec2<f32>(0.0), 0.0, false);
        let dampings_before = dampings;
        for (var attempt = 0u; attempt < MAX_ATTEMPTS && !solved.is_positive; attempt++) {
            if attempt > 0u {
                damping = max(4.0 * damping, 1e-2 * curvature);
                dampings++;
            }
            solved = conjugate_gradients(lambda, damping, previous_rho);
            if params.corrects == 1u {
                break;
            }
        }
        if params.corrects == 1u {
            lambda = solved.change;
            residual = select(3e38, 0.0, solved.is_positive);
            break;
        }
        let halved = line_search(lambda);
        lambda += solved.change;
        previous_rho = solved.rho;
        if halved <= MAX_HALVINGS {
            halvings += halved;
            // On surfaces a full step that needed no more damping leaves none.
            let is_full_step = is_on_surface == 1u && halved == 0u && dampings == dampings_before;
            damping = select(0.0, 0.5 * damping, damping > 1e-3 * curvature && !is_full_step);
        } else {
            dampings++;
            damping = max(8.0 * damping, 0.1 * curvature);
        }
        if !(damping < 1e6 * curvature) {
            break;
        }
        is_asked = params.admits == 0u;
        asks = params.admits == 1u && residual > MOVING * params.tolerance;
    }
    store();
    let counted = reduce(vec4<f32>(f32(multiply_adds), 0.0, 0.0, 0.0));
    if me == 0u {
        info[own_state] = StateInfo(lambda.x, lambda.y, count, iterations, residual, dampings, halvings, is_full,
            is_on_surface, turns, counted.x);
    }
}
