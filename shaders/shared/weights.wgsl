// W on the device, in up to four parts of whole rows, for every shader that reads it: bindings 1 to 4.
// Constants: PARTS; ROWS_PER_PART; QUADS, vec4 in a padded row.

@group(0) @binding(1) var<storage, read> weights_0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights_1: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> weights_2: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> weights_3: array<vec4<f32>>;

// W from neuron `row` to the four neurons of `quad` [Hz].
fn weights_at(row: u32, quad: u32) -> vec4<f32> {
    if PARTS == 1u {
        return weights_0[row * QUADS + quad];
    }
    let index = (row % ROWS_PER_PART) * QUADS + quad;
    switch row / ROWS_PER_PART {
        case 0u: { return weights_0[index]; }
        case 1u: { return weights_1[index]; }
        case 2u: { return weights_2[index]; }
        default: { return weights_3[index]; }
    }
}

// W from neuron `row` to neuron `column` [Hz].
fn weight(row: u32, column: u32) -> f32 {
    let k = column % 4u;
    if PARTS == 1u {
        return weights_0[row * QUADS + column / 4u][k];
    }
    let index = (row % ROWS_PER_PART) * QUADS + column / 4u;
    switch row / ROWS_PER_PART {
        case 0u: { return weights_0[index][k]; }
        case 1u: { return weights_1[index][k]; }
        case 2u: { return weights_2[index][k]; }
        default: { return weights_3[index][k]; }
    }
}
