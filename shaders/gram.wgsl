// A tile of whole rows of the Gram matrix G_st = ((r_s.r_t)^2 - sum_i r_si^2 r_ti^2) / 2.
// CPU function of the same meaning: weights::gram_matrix. `real` is f32, or f64 where the device has it.

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
// [rows, states].
@group(0) @binding(2) var<storage, read_write> tile: array<real>;

var<workgroup> left: array<real, 256>;
var<workgroup> right: array<real, 256>;

fn rate(state: u32, neuron: u32) -> real {
    if state >= params.states || neuron >= params.neurons {
        return real(0.0);
    }
    return rates[state * params.neurons + neuron];
}

@compute @workgroup_size(TILE, TILE)
fn gram(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let row = group.y * TILE + local.y;
    let column = group.x * TILE + local.x;
    let slot = local.y * TILE + local.x;
    var product = real(0.0);
    var squares = real(0.0);
    for (var k = 0u; k < params.neurons; k += TILE) {
        left[slot] = rate(params.first + row, k + local.x);
        right[slot] = rate(group.x * TILE + local.y, k + local.x);
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            let term = left[local.y * TILE + i] * right[local.x * TILE + i];
            product += term;
            squares += term * term;
        }
        workgroupBarrier();
    }
    if row < params.rows && column < params.states {
        tile[row * params.states + column] = real(0.5) * (product * product - squares);
    }
}
