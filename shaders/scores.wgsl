// Bump scores q_l(x) = sum_i P_i^l(x) r_i / max r of all maps and positions, and the place where they are highest.
// CPU function of the same meaning: decoding::Scorer::best_fit. Of equal scores the first map and position wins.
//
// A workgroup owns one state. The template P is the same for all positions, so q_l(x) sums over the template's
// displacements d the rate of the neuron at x + d in map l.

struct ScoresParams {
    neurons: u32,
    maps: u32,
    bump_neurons: u32,
    first: u32,
}

struct Displaced {
    by: u32,
    value: f32,
}

struct BestSite {
    index: u32,
    score: f32,
}

// Constants: THREADS.

@group(0) @binding(0) var<uniform> params: ScoresParams;
// [states, neurons] in Hz.
@group(0) @binding(1) var<storage, read> rates: array<f32>;
// The neuron at each position [maps, neurons].
@group(0) @binding(2) var<storage, read> neuron_at: array<u32>;
@group(0) @binding(3) var<storage, read> bump: array<Displaced>;
// Index l N + x of the highest score, and the score.
@group(0) @binding(4) var<storage, read_write> places: array<BestSite>;

var<workgroup> best: array<BestSite, THREADS>;

fn better(a: BestSite, b: BestSite) -> bool {
    return a.score > b.score || (a.score == b.score && a.index < b.index);
}

@compute @workgroup_size(THREADS)
fn scores(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let state = params.first + group.x;
    let row = state * params.neurons;
    var peak = 0.0;
    for (var i = 0u; i < params.neurons; i++) {
        peak = max(peak, rates[row + i]);
    }
    let scale = select(0.0, 1.0 / peak, peak > 0.0);
    var mine = BestSite(0xffffffffu, -1.0);
    for (var index = thread; index < params.maps * params.neurons; index += THREADS) {
        let map_row = index - index % params.neurons;
        let x = index % params.neurons;
        var score = 0.0;
        for (var k = 0u; k < params.bump_neurons; k++) {
            var p = x + bump[k].by;
            p -= select(0u, params.neurons, p >= params.neurons);
            score += bump[k].value * rates[row + neuron_at[map_row + p]];
        }
        let found = BestSite(index, score * scale);
        if better(found, mine) {
            mine = found;
        }
    }
    best[thread] = mine;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half && better(best[thread + half], best[thread]) {
            best[thread] = best[thread + half];
        }
        workgroupBarrier();
    }
    if thread == 0u {
        places[state] = best[0];
    }
}
