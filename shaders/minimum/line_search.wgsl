// Trial steps, and whether they lower the energy; see minimum.wgsl.

const SUFFICIENT_DECREASE = 1e-4;
// Below this fraction of the energy's terms a step's gain is lost in the rounding of the gradient, and below that one of its
// own terms in theirs.
const UNRESOLVED = 1e-8;
const ROUNDING = 1e-6;

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
