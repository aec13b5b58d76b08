// Which silent neurons become candidates, and which are silent beyond doubt; see minimum.wgsl.

// A silent neuron that is silent by no more than so many tolerances is a candidate too: rounding hides none from the host.
const MARGIN = 8.0;
// As landscape::newton::NEARLY, CROWD and RIM, and turns in which the number of neurons that join is brought down.
const NEARLY = 0.05;
const CROWD = 20.0;
const RIM = 6.0;
const CROWD_TURNS = 24u;
// What the host makes a silent neuron of.
const FAR_BELOW = -3e38;

// T of a neuron that is no candidate, from the field of all neurons.
fn target_of_silent(i: u32) -> f32 {
    return external_current[i] + fields[own_state * 4u * QUADS + i] - dot(multiplier(), displacement(i));
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
