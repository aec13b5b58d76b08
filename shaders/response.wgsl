// How far a weight change X lowers each state's energy to first order: (r.X.r - sum_i X_ii r_i^2) / 2.
// CPU function of the same meaning: weights::response. `real` is f32, or f64 where the device has it.
//
// A workgroup owns one state; a dispatch knows the rows first .. first + rows of X and adds their share.

struct ProductParams {
    neurons: u32,
    states: u32,
    first: u32,
    rows: u32,
}

const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: ProductParams;
// [states, neurons].
@group(0) @binding(1) var<storage, read> rates: array<real>;
// Rows of X [rows, neurons].
@group(0) @binding(2) var<storage, read> weights: array<real>;
@group(0) @binding(3) var<storage, read_write> responses: array<real>;

var<workgroup> reduction: array<real, THREADS>;

@compute @workgroup_size(THREADS)
fn response(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let base = group.x * params.neurons;
    var sum = real(0.0);
    for (var j = thread; j < params.neurons; j += THREADS) {
        let own = rates[base + j];
        if own > real(0.0) {
            var field = real(0.0);
            for (var row = 0u; row < params.rows; row++) {
                let i = params.first + row;
                if i != j && rates[base + i] > real(0.0) {
                    field += weights[row * params.neurons + j] * rates[base + i];
                }
            }
            sum += real(0.5) * own * field;
        }
    }
    reduction[thread] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            reduction[thread] += reduction[thread + half];
        }
        workgroupBarrier();
    }
    if thread == 0u {
        responses[group.x] += reduction[0];
    }
}
