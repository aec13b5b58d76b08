// The state of a search for a constrained minimum, and what is asked of it; see minimum.wgsl.

// Threads that add up reductions.
const SHARES = 8u;

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
