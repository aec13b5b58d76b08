// Constrained minima of the energy, to f32 accuracy, and the steps by which the host takes them to f64.
// CPU function of the same meaning: landscape::newton::Workspace::minimize, whose steps this follows.
//
// Minimize E(r) = sum U(r) - sum h r - r.W.r/2 over r >= 0 with C.r = 0, where U' is the current that a rate asks for and C
// has a row of displacements a dimension. A workgroup owns one state. Neurons are numbered in the order of the state's map.
// Neurons that are or were active are the candidates, addressed by slot. Each Newton step solves (diag(d) - W + damping) x =
// -(g + C lambda) on the null space of C by conjugate gradients with the preconditioner diag(d + damping), projected; d is the
// secant curvature, r + sqrt(T) for T = h + Wr - C lambda > 0, r - T/r else, where U' = r^2. Far from the minimum it is solved
// roughly (Eisenstat & Walker 1996). Negative curvature raises the damping.
//
// W is not read here. A search that needs W times a vector leaves the vector in `sources` and ends; fields_together.wgsl
// finds the product for all searches at once, those of neighbouring points together, and the next call goes on from there.
//
// Numbers of the size of E cannot be compared in f32. The change of E along a step is a polynomial in the step without
// such numbers, and that is what the line search looks at.
//
// Rates are a base and a change. A search from a given state has the base 0. With `corrects` the base is a state near the
// minimum, and its gaps T - U' are known in f64; what is added to them is of the size of the change, so that nothing is lost
// but what f32 loses of small numbers, and the search goes on to the accuracy of f64.
//
// Constants: THREADS, SLOTS, MASK_WORDS, QUADS (vec4 in a row of sources and fields), DIMENSION (1 or 2), and those of
// shared/search.wgsl and shared/transfer.wgsl, which stand before this file.

// Threads that add up reductions.
const SHARES = 8u;
const MAX_HALVINGS = 12u;
const MAX_ATTEMPTS = 16u;
const SUFFICIENT_DECREASE = 1e-4;
// Below this fraction of the energy's terms a step's gain is lost in the rounding of the gradient, and below that one of its
// own terms in theirs.
const UNRESOLVED = 1e-8;
const ROUNDING = 1e-6;
// Squared reduction of the residual that ends the conjugate gradients, at least.
const FINEST = 1e-10;
// A silent neuron that is silent by no more than so many tolerances is a candidate too: rounding hides none from the host.
const MARGIN = 8.0;
// A state farther than that many tolerances from its minimum asks the silent neurons after every step; others at rest.
const MOVING = 1e3;
// As landscape::newton::NEARLY, CROWD and RIM, and turns in which the number of neurons that join is brought down.
const NEARLY = 0.05;
const CROWD = 20.0;
const RIM = 6.0;
const CROWD_TURNS = 24u;
// Share of its first residual that a correction brings a state to: what f32 resolves of it.
const RESOLVED = 3e-7;
// What the host makes a silent neuron of.
const FAR_BELOW = -3e38;

// What a search does with the field that it waits for: W r of a new state; the image of a direction; W d of a trial step.
const BEGINS = 0u;
const LOOKS = 1u;
const SOLVES = 2u;
const STEPS = 3u;

// What a search does next. Every one of them stands in the kernel once: compilers copy functions, and barriers cost them time.
const END = 0u;
const SEE_SOME = 1u;
const SEE_ALL = 2u;
const BEGIN_SYSTEM = 3u;
const TURN = 4u;
const TRY = 5u;
const WAIT = 6u;
const LOOK = 7u;

@group(0) @binding(0) var<uniform> params: SearchParams;
// C of every state [states, DIMENSION, neurons] in neuron units.
@group(0) @binding(1) var<storage, read> displacements: array<f32>;
// h [neurons] in Hz^2.
@group(0) @binding(2) var<storage, read> external_current: array<f32>;
@group(0) @binding(3) var<storage, read_write> searches: array<Search>;
// Neurons of the candidates [states, SLOTS].
@group(0) @binding(4) var<storage, read_write> candidates: array<u32>;
// [arrays, states, SLOTS], see below. A thread touches only its own slots.
@group(0) @binding(5) var<storage, read_write> work: array<f32>;
// What is multiplied with W [states, 4 QUADS]; 0 for all but candidates.
@group(0) @binding(6) var<storage, read_write> sources: array<f32>;
// The products [states, 4 QUADS].
@group(0) @binding(7) var<storage, read> fields: array<f32>;
// One bit for each neuron that may have a source and whose field is wanted [states, MASK_WORDS].
@group(0) @binding(8) var<storage, read_write> masks: array<u32>;
// States whose searches go on [params.going].
@group(0) @binding(9) var<storage, read> going: array<u32>;

// Rates as changes of the base, in and out. Out: below 0 for candidates of a search, and far below for those of a correction,
// that are silent beyond doubt.
const CHANGE = 0u;
// Rates, and what is left of T - U' there: in with `corrects`, else 0 and h.
const BASE = 1u;
const BASE_GAP = 2u;
// The base's gap and W times the change.
const DRIVE = 3u;
const STEP = 4u;
// The changes at the end of a step.
const TRIAL = 5u;
// 1/(d + damping); 0 for candidates that take no part in the step.
const INVERSE = 6u;
// What conjugate gradients leave of the gaps.
const RESIDUE = 7u;
const ALONG_X = 8u;
const ALONG_Y = 9u;

var<workgroup> mask: array<atomic<u32>, MASK_WORDS>;
var<workgroup> reduction: array<vec4<f32>, THREADS>;
var<workgroup> shares: array<vec4<f32>, SHARES>;
var<workgroup> count: u32;
var<workgroup> found: Search;

var<private> me: u32;
var<private> own_state: u32;
// The search; every thread has the same.
var<private> own: Search;

fn at(kind: u32, slot: u32) -> u32 {
    return (kind * params.states + own_state) * SLOTS + slot;
}

fn neuron(slot: u32) -> u32 {
    return candidates[own_state * SLOTS + slot];
}

// Where a candidate's source and field are.
fn place(slot: u32) -> u32 {
    return own_state * 4u * QUADS + neuron(slot);
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

// C of any neuron.
fn displacement(i: u32) -> vec2<f32> {
    let first = own_state * DIMENSION * params.neurons + i;
    if DIMENSION == 1u {
        return vec2<f32>(displacements[first], 0.0);
    }
    return vec2<f32>(displacements[first], displacements[first + params.neurons]);
}

// C of a candidate.
fn along(slot: u32) -> vec2<f32> {
    if DIMENSION == 1u {
        return vec2<f32>(work[at(ALONG_X, slot)], 0.0);
    }
    return vec2<f32>(work[at(ALONG_X, slot)], work[at(ALONG_Y, slot)]);
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

fn multiplier() -> vec2<f32> {
    return vec2<f32>(own.multiplier_x, own.multiplier_y);
}

fn rate_of(slot: u32) -> f32 {
    return work[at(BASE, slot)] + work[at(CHANGE, slot)];
}

// T - U'.
fn gap_of(slot: u32) -> f32 {
    let asked = current_difference(work[at(BASE, slot)], work[at(CHANGE, slot)]);
    return work[at(DRIVE, slot)] - dot(multiplier(), along(slot)) - asked;
}

// T of a neuron that is no candidate, from the field of all neurons.
fn target_of_silent(i: u32) -> f32 {
    return external_current[i] + fields[own_state * 4u * QUADS + i] - dot(multiplier(), displacement(i));
}

// Tells which neurons have sources, and want fields: all candidates, or those that take part in a step.
fn mark_sources(are_all: bool) {
    workgroupBarrier();
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        atomicStore(&mask[word], 0u);
    }
    workgroupBarrier();
    for (var slot = me; slot < count; slot += THREADS) {
        let i = neuron(slot);
        if are_all || work[at(INVERSE, slot)] > 0.0 {
            atomicOr(&mask[i / 32u], 1u << (i % 32u));
        }
    }
    workgroupBarrier();
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        masks[own_state * MASK_WORDS + word] = atomicLoad(&mask[word]);
    }
}

// Prepares the slots of new candidates, from `first_new` on.
fn gather(first_new: u32) {
    for (var slot = me; slot < count; slot += THREADS) {
        if slot >= first_new {
            let c = displacement(neuron(slot));
            work[at(ALONG_X, slot)] = c.x;
            if DIMENSION == 2u {
                work[at(ALONG_Y, slot)] = c.y;
            }
            if params.corrects == 0u {
                work[at(BASE, slot)] = 0.0;
                work[at(BASE_GAP, slot)] = external_current[neuron(slot)];
            }
        }
    }
}

// Waits for the field of the present change.
fn ask_for_drive() {
    for (var slot = me; slot < count; slot += THREADS) {
        sources[place(slot)] = work[at(CHANGE, slot)];
    }
    own.phase = LOOKS;
}

fn take_drive() {
    for (var slot = me; slot < count; slot += THREADS) {
        work[at(DRIVE, slot)] = work[at(BASE_GAP, slot)] + fields[place(slot)];
    }
}

// The lambda that leaves the least squares of g + C lambda over active neurons.
fn least_squares_multiplier() {
    var squares = vec4<f32>(0.0);
    var moments = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        if rate_of(slot) > 0.0 {
            let c = along(slot);
            squares += vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
            moments += vec4<f32>(c * gap_of(slot), 0.0, 0.0);
        }
    }
    let products = reduce(squares);
    let lambda = balance(products.xyz, reduce(moments).xy);
    own.multiplier_x = lambda.x;
    own.multiplier_y = lambda.y;
}

// Moves the positive ones of the rates that `trial` leads to, to the nearest ones with C.rates = 0.
fn project() {
    var shift = vec2<f32>(0.0);
    for (var turn = 0u; turn < 20u; turn++) {
        var moments = vec4<f32>(0.0);
        var squares = vec4<f32>(0.0);
        for (var slot = me; slot < count; slot += THREADS) {
            let c = along(slot);
            let moved = shifted(slot, shift);
            moments += vec4<f32>(c * moved, (abs(c.x) + abs(c.y)) * abs(moved), 0.0);
            if work[at(BASE, slot)] + moved > 0.0 {
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
    for (var slot = me; slot < count; slot += THREADS) {
        work[at(TRIAL, slot)] = shifted(slot, shift);
    }
}

// `trial` moved along C, if it leads to a positive rate, and as far as that stays positive.
fn shifted(slot: u32, shift: vec2<f32>) -> f32 {
    let silence = -work[at(BASE, slot)];
    let trial = work[at(TRIAL, slot)];
    return select(trial, max(trial - dot(shift, along(slot)), silence), trial > silence);
}

// Marks the silent neurons whose T is above the threshold; returns (how many, active candidates, -, largest T).
fn mark_joining(threshold: f32) -> vec4<f32> {
    workgroupBarrier();
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        atomicStore(&mask[word], 0u);
    }
    workgroupBarrier();
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let i = neuron(slot);
        atomicOr(&mask[i / 32u], 1u << (i % 32u));
        local.y += select(0.0, 1.0, rate_of(slot) > 0.0);
    }
    workgroupBarrier();
    // Four neurons at a time. Their bits are touched by no other thread until the barrier.
    for (var quad = me; quad < QUADS; quad += THREADS) {
        let first = 4u * quad;
        let shift = first % 32u;
        let taken = (atomicLoad(&mask[first / 32u]) >> shift) & 15u;
        var joining = 0u;
        for (var k = 0u; k < 4u && first + k < params.neurons; k++) {
            if ((taken >> k) & 1u) == 0u {
                let t = target_of_silent(first + k);
                if t > threshold {
                    joining |= 1u << k;
                    local = vec4<f32>(local.x + 1.0, local.y, 0.0, max(local.w, t));
                }
            }
        }
        atomicXor(&mask[first / 32u], (taken ^ joining) << shift);
    }
    return reduce(local);
}

// The T above which silent neurons become candidates.
fn first_threshold() -> f32 {
    let least = -MARGIN * params.tolerance;
    if params.asks_rarely == 0u {
        return least;
    }
    var peak = 0.0;
    for (var slot = me; slot < count; slot += THREADS) {
        peak = max(peak, own_current(rate_of(slot)));
    }
    return min(least, -NEARLY * reduce(vec4<f32>(0.0, 0.0, 0.0, peak)).w);
}

// Makes candidates of the silent neurons that the present state would activate, or nearly so, in ascending order: of all, or
// where they are too many, of those with the largest T.
fn admit() {
    var threshold = first_threshold();
    var largest = 0.0;
    own.is_full = 0u;
    for (var turn = 0u; turn < CROWD_TURNS; turn++) {
        let marked = mark_joining(threshold);
        let free = f32(SLOTS - count);
        if turn == 0u {
            largest = marked.w;
        }
        if marked.x > free && threshold >= -MARGIN * params.tolerance {
            own.is_full = 1u;
        }
        let line = select(f32(params.neurons), 2.0 * marked.y, CROWD * marked.y < f32(params.neurons));
        let crowd = select(line, floor(marked.y / RIM) + 1.0, own.is_on_surface == 1u);
        if !(marked.x > min(free, crowd)) || free == 0.0 {
            break;
        }
        threshold = 0.5 * (threshold + largest);
    }
    let before = count;
    workgroupBarrier();
    if me == 0u {
        for (var word = 0u; word < MASK_WORDS; word++) {
            var bits = atomicLoad(&mask[word]);
            while bits != 0u && count < SLOTS {
                candidates[own_state * SLOTS + count] = word * 32u + firstTrailingBit(bits);
                bits &= bits - 1u;
                count++;
            }
        }
    }
    storageBarrier();
    workgroupBarrier();
    gather(before);
    for (var slot = me; slot < count; slot += THREADS) {
        if slot >= before {
            work[at(CHANGE, slot)] = 0.0;
            work[at(DRIVE, slot)] = work[at(BASE_GAP, slot)] + fields[place(slot)];
        }
    }
}

// (Sum of the curvatures, number of neurons that take part in a step, -, largest violation of the conditions).
fn survey() -> vec4<f32> {
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let gap = gap_of(slot);
        let r = rate_of(slot);
        let takes_part = r > 0.0 || gap > 0.0;
        let violation = select(max(gap, 0.0), abs(gap), r > 0.0);
        local += vec4<f32>(curvature_of(r), select(0.0, 1.0, takes_part), 0.0, 0.0);
        local.w = max(local.w, violation);
    }
    return reduce(local);
}

// Begins to solve for the step.
fn begin_solving() {
    var squares = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let r = rate_of(slot);
        let gap = gap_of(slot);
        let takes_part = r > 0.0 || gap > 0.0;
        let c = along(slot);
        let inverse = select(0.0, 1.0 / (secant(r, gap + own_current(r)) + own.damping), takes_part);
        work[at(INVERSE, slot)] = inverse;
        work[at(STEP, slot)] = 0.0;
        work[at(RESIDUE, slot)] = select(0.0, gap, takes_part);
        sources[place(slot)] = 0.0;
        squares += inverse * vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
    }
    let products = reduce(squares);
    own.products_xx = products.x;
    own.products_xy = products.y;
    own.products_yy = products.z;
    own.change_x = 0.0;
    own.change_y = 0.0;
    own.turn = 0u;
}

// Finds the next direction of the conjugate gradients, and waits for its image; goes on to the step if the residue is small
// enough, or time is up.
fn next_direction() -> u32 {
    if own.turn > 2u * count || own.turns >= params.turns {
        return TRY;
    }
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let residue = work[at(RESIDUE, slot)];
        local += work[at(INVERSE, slot)] * residue * vec4<f32>(residue, along(slot), 0.0);
    }
    let sums = reduce(local);
    // The residue's part along C is the multipliers'.
    let mu = balance(vec3<f32>(own.products_xx, own.products_xy, own.products_yy), sums.yz);
    own.change_x += mu.x;
    own.change_y += mu.y;
    let rho = sums.x - dot(mu, sums.yz);
    if own.turn == 0u {
        let ratio = rho / own.previous_rho;
        let roughest = params.roughest;
        let rough = select(roughest, clamp(0.81 * ratio * ratio, FINEST, roughest), own.previous_rho > 0.0);
        own.rho_end = rho * rough;
        own.first_rho = rho;
    }
    if !(rho > own.rho_end) {
        return TRY;
    }
    let keep = select(rho / own.rho, 0.0, own.turn == 0u);
    own.rho = rho;
    for (var slot = me; slot < count; slot += THREADS) {
        let inverse = work[at(INVERSE, slot)];
        let residue = work[at(RESIDUE, slot)] - select(0.0, dot(mu, along(slot)), inverse > 0.0);
        work[at(RESIDUE, slot)] = residue;
        sources[place(slot)] = inverse * residue + keep * sources[place(slot)];
    }
    own.phase = SOLVES;
    return WAIT;
}

// Goes along the direction, whose image has come; false if the curvature along it is not positive.
fn take_direction() -> bool {
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let inverse = work[at(INVERSE, slot)];
        if inverse > 0.0 {
            let direction = sources[place(slot)];
            let diagonal = direction / inverse;
            local += direction * vec4<f32>(diagonal - fields[place(slot)], diagonal, 0.0, 0.0);
        }
    }
    own.turns++;
    own.turn++;
    let curvature = reduce(local);
    if !(curvature.x > 1e-7 * curvature.y) {
        return false;
    }
    let length = own.rho / curvature.x;
    for (var slot = me; slot < count; slot += THREADS) {
        let inverse = work[at(INVERSE, slot)];
        if inverse > 0.0 {
            let direction = sources[place(slot)];
            work[at(STEP, slot)] += length * direction;
            work[at(RESIDUE, slot)] -= length * (direction / inverse - fields[place(slot)]);
        }
    }
    return true;
}

// Tries a step of the present length, projected.
fn try_step() {
    for (var slot = me; slot < count; slot += THREADS) {
        let end = work[at(CHANGE, slot)] + own.length * work[at(STEP, slot)];
        work[at(TRIAL, slot)] = max(end, -work[at(BASE, slot)]);
    }
    project();
    for (var slot = me; slot < count; slot += THREADS) {
        sources[place(slot)] = work[at(TRIAL, slot)] - work[at(CHANGE, slot)];
    }
    own.phase = STEPS;
}

// Whether the step that was tried, whose image has come, lowers the energy enough.
fn is_lower() -> bool {
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let d = sources[place(slot)];
        let r = rate_of(slot);
        let gap = gap_of(slot);
        let more = bend(r, d);
        let coupled = 0.5 * d * fields[place(slot)];
        local.x += more - d * gap - coupled;
        local.y -= gap * work[at(STEP, slot)];
        let terms = UNRESOLVED * r * (own_current(r) + 1.5 * params.largest_current);
        local.z += select(terms, ROUNDING * (abs(more) + abs(d * gap) + abs(coupled)), params.corrects == 1u);
    }
    // Change of the energy, slope along x, what cannot be told from rounding.
    let sums = reduce(local);
    return sums.x <= SUFFICIENT_DECREASE * own.length * sums.y || (-sums.y <= sums.z && sums.x <= sums.z);
}

// Begins a search at the state that it was given.
fn begin() -> u32 {
    for (var i = me; i < 4u * QUADS; i += THREADS) {
        sources[own_state * 4u * QUADS + i] = 0.0;
    }
    storageBarrier();
    workgroupBarrier();
    gather(0u);
    if params.corrects == 1u {
        for (var slot = me; slot < count; slot += THREADS) {
            work[at(DRIVE, slot)] = work[at(BASE_GAP, slot)];
        }
        return LOOK;
    }
    own.begins = 1u;
    return select(SEE_SOME, SEE_ALL, params.admits == 1u);
}

// Spares the host what is silent beyond doubt.
fn tell_silent() {
    for (var slot = me; slot < count; slot += THREADS) {
        let is_silent = !(rate_of(slot) > 0.0);
        if params.corrects == 1u && is_silent {
            work[at(CHANGE, slot)] = FAR_BELOW;
        }
        if params.corrects == 0u && is_silent && gap_of(slot) < -MARGIN * params.tolerance {
            work[at(CHANGE, slot)] = -1.0;
        }
    }
}

// Looks at the state: asks silent neurons, ends, or begins a step.
fn look() -> u32 {
    let has_asked = own.wants == ALL;
    if own.begins == 1u {
        own.begins = 0u;
        least_squares_multiplier();
    }
    if has_asked {
        admit();
    }
    let surveyed = survey();
    own.residual = surveyed.w;
    if own.iterations == 0u {
        own.first_residual = own.residual;
    }
    let resolved = select(0.0, RESOLVED * own.first_residual, params.corrects == 1u);
    let is_at_rest = !(own.residual > max(params.tolerance, resolved));
    if is_at_rest && !has_asked && params.admits == 1u {
        return SEE_ALL;
    }
    if is_at_rest || own.iterations >= params.iterations || own.turns >= params.turns {
        tell_silent();
        return END;
    }
    own.curvature = surveyed.x / max(surveyed.y, 1.0) + 1e-3;
    own.iterations++;
    own.attempt = 0u;
    own.length = 1.0;
    own.halved = 0u;
    return BEGIN_SYSTEM;
}

// Goes on with the step, whose last direction's image has come.
fn solve() -> u32 {
    if take_direction() {
        return TURN;
    }
    own.attempt++;
    if own.attempt == MAX_ATTEMPTS {
        return TRY;
    }
    own.damping = max(4.0 * own.damping, 1e-2 * own.curvature);
    own.dampings++;
    return BEGIN_SYSTEM;
}

// Takes the step that was tried, whose image has come, and looks again; or tries a shorter one.
fn take_step() -> u32 {
    let is_taken = is_lower();
    if !is_taken {
        own.length *= 0.5;
        own.halved++;
        if own.halved <= MAX_HALVINGS {
            return TRY;
        }
    }
    own.multiplier_x += own.change_x;
    own.multiplier_y += own.change_y;
    own.previous_rho = own.first_rho;
    if is_taken {
        for (var slot = me; slot < count; slot += THREADS) {
            work[at(CHANGE, slot)] = work[at(TRIAL, slot)];
            work[at(DRIVE, slot)] += fields[place(slot)];
        }
        own.halvings += own.halved;
        // On surfaces a full step that needed no more damping leaves none.
        let is_full_step = own.is_on_surface == 1u && own.halved == 0u && own.attempt == 0u;
        own.damping = select(0.0, 0.5 * own.damping, own.damping > 1e-3 * own.curvature && !is_full_step);
    } else {
        own.dampings++;
        own.damping = max(8.0 * own.damping, 0.1 * own.curvature);
    }
    if !(own.damping < 1e6 * own.curvature) {
        return END;
    }
    let asks = params.admits == 1u && params.asks_rarely == 0u && own.residual > MOVING * params.tolerance;
    return select(LOOK, SEE_ALL, asks);
}

// Does what comes after the field, as far as it needs no other field.
fn go_on() {
    var next = LOOK;
    switch own.phase {
        case BEGINS: { next = begin(); }
        case LOOKS: { take_drive(); }
        case SOLVES: { next = solve(); }
        default: { next = take_step(); }
    }
    if next == LOOK {
        next = look();
    }
    if next == BEGIN_SYSTEM {
        begin_solving();
        next = TURN;
    }
    if next == TURN {
        next = next_direction();
    }
    if next == TRY {
        try_step();
    }
    let sees = next == SEE_SOME || next == SEE_ALL;
    if sees {
        ask_for_drive();
    }
    // The directions of one step have the same neurons.
    if sees || own.phase == STEPS || own.turn == 0u {
        mark_sources(sees || own.phase == STEPS);
    }
    own.wants = select(select(SOME, ALL, next == SEE_ALL), NOTHING, next == END);
    own.is_answered = 0u;
}

@compute @workgroup_size(THREADS)
fn minimum(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    me = thread;
    own_state = going[group.x];
    if me == 0u {
        found = searches[own_state];
        count = min(found.count, SLOTS);
    }
    own = workgroupUniformLoad(&found);
    // Ended, or still waiting for its neighbours.
    if own.wants == NOTHING || (own.phase != BEGINS && own.is_answered == 0u) {
        return;
    }
    go_on();
    if me == 0u {
        own.count = count;
        searches[own_state] = own;
    }
}
