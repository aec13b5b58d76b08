// Rows of the weight gradient sum_s alpha_s r_s r_s^T without its diagonal.
// CPU function of the same meaning: weights::weight_gradient. `real` is f32, or f64 where the device has it.

struct ProductParams {
    neurons: u32,
    states: u32,
    first: u32,
    rows: u32,
}

const TILE = 16u;

@group(0) @binding(0) var<uniform> params: ProductParams;
// [states, neurons].
@group(0) @binding(1) var<storage, read> rates: array<real>;
@group(0) @binding(2) var<storage, read> alpha: array<real>;
// [rows, neurons].
@group(0) @binding(3) var<storage, read_write> tile: array<real>;

var<workgroup> left: array<real, 256>;
var<workgroup> right: array<real, 256>;

fn rate(state: u32, neuron: u32) -> real {
    if state >= params.states || neuron >= params.neurons {
        return real(0.0);
    }
    return rates[state * params.neurons + neuron];
}

@compute @workgroup_size(TILE, TILE)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let row = params.first + group.y * TILE + local.y;
    let column = group.x * TILE + local.x;
    let slot = local.y * TILE + local.x;
    var sum = real(0.0);
    for (var s = 0u; s < params.states; s += TILE) {
        let state = s + local.y;
        var factor = real(0.0);
        if state < params.states {
            factor = alpha[state];
        }
        left[slot] = factor * rate(state, params.first + group.y * TILE + local.x);
        right[slot] = rate(state, column);
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            sum += left[i * TILE + local.y] * right[i * TILE + local.x];
        }
        workgroupBarrier();
    }
    if row < params.first + params.rows && row < params.neurons && column < params.neurons {
        if row == column {
            sum = real(0.0);
        }
        tile[(row - params.first) * params.neurons + column] = sum;
    }
}
