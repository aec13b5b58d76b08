// What a driver has to get right before its results are believed.
//
// results[0]: turns of a loop, more than 65,535 of them (a driver is known that stops there, silently).
// product: a known matrix product, through workgroup memory and barriers; every element of a poisoned buffer is written.

struct SelftestParams {
    turns: u32,
    size: u32,
}

@group(0) @binding(0) var<uniform> params: SelftestParams;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> product: array<f32>;
@group(0) @binding(4) var<storage, read_write> results: array<u32>;

const TILE = 8u;

var<workgroup> left_tile: array<f32, 64>;
var<workgroup> right_tile: array<f32, 64>;

@compute @workgroup_size(TILE, TILE)
fn selftest(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let row = group.y * TILE + local.y;
    let column = group.x * TILE + local.x;
    let slot = local.y * TILE + local.x;
    var sum = 0.0;
    for (var k = 0u; k < params.size; k += TILE) {
        left_tile[slot] = left[row * params.size + k + local.x];
        right_tile[slot] = right[(k + local.y) * params.size + column];
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            sum += left_tile[local.y * TILE + i] * right_tile[i * TILE + local.x];
        }
        workgroupBarrier();
    }
    product[row * params.size + column] = sum;

    // The count depends on what the loop does, so that no compiler replaces it by its number of turns.
    var count = 0u;
    var state = row + 1u;
    for (var turn = 0u; turn < params.turns; turn++) {
        state = state * 1664525u + 1013904223u;
        count += select(1u, 2u, state == 0u);
    }
    results[(row * params.size + column) * 2u] = count;
    results[(row * params.size + column) * 2u + 1u] = state;
}
