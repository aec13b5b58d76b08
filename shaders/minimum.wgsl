// Constrained minima of the energy, to f32 accuracy, and the corrections that take them from there to f64.
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
// This file says what comes after what. Its parts stand before it, in minimum/: the state, the constraint, which neurons take part,
// conjugate gradients, and the line search.
//
// Constants: THREADS, SLOTS, MASK_WORDS, QUADS (vec4 in a row of sources and fields), DIMENSION (1 or 2), and those of
// shared/search.wgsl and shared/transfer.wgsl, which stand before all of them.

const MAX_HALVINGS = 12u;
const MAX_ATTEMPTS = 16u;
// A state farther than that many tolerances from its minimum asks the silent neurons after every step; others at rest.
const MOVING = 1e3;
// Share of its first residual that a correction brings a state to: what f32 resolves of it.
const RESOLVED = 3e-7;

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
