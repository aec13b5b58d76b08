// r_s.X.r_s / 2 for the states s of one map, with X over the places of that map: the part of every tile of places.
// CPU function of the same meaning: solve::products::Products::response, for one map.
//
// A workgroup takes a block of TILE states and a tile of TILE places i, and sums r_si X_ij r_sj over the tiles of j that the
// block fills; a thread owns 8 states by 8 places.
//
// Constants: as weight_change.wgsl.

struct ResponseParams {
    neurons: u32,
    chunks: u32,
    // Where this map's results begin.
    first: u32,
}

@group(0) @binding(0) var<uniform> params: ResponseParams;
@group(0) @binding(1) var<storage, read> rates: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> filled: array<u32>;
// X [neurons, QUADS].
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
// [TILES, states in whole blocks] of every map in turn.
@group(0) @binding(4) var<storage, read_write> response: array<f32>;

const THREADS = 64u;
const TILE = 64u;
const CHUNK = 16u;
const WORDS = (TILES + 31u) / 32u;
const ACROSS = TILE / 4u;
// Chunks of a block, and steps through a tile.
const CHUNKS = TILE / CHUNK;
const STEPS = TILE / CHUNK;

// Rates of the block's states, place by place.
var<workgroup> left: array<f32, CHUNK * TILE>;
var<workgroup> right: array<vec4<f32>, CHUNK * ACROSS>;

fn is_filled(block: u32, tile: u32) -> bool {
    var bits = 0u;
    for (var chunk = block * CHUNKS; chunk < (block + 1u) * CHUNKS; chunk++) {
        bits |= filled[chunk * WORDS + tile / 32u];
    }
    return ((bits >> (tile % 32u)) & 1u) == 1u;
}

fn four(first: u32) -> vec4<f32> {
    return vec4<f32>(left[first], left[first + 1u], left[first + 2u], left[first + 3u]);
}

@compute @workgroup_size(THREADS)
fn weight_response(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let block = group.x;
    let own = group.y;
    let out = params.first + (own * (params.chunks / CHUNKS) + block) * TILE + me;
    if !is_filled(block, own) {
        response[out] = 0.0;
        return;
    }
    let row = 8u * (me / 8u);
    let column = 2u * (me % 8u);
    var a = mat4x4<f32>();
    var b = mat4x4<f32>();
    var c = mat4x4<f32>();
    var d = mat4x4<f32>();
    for (var tile = 0u; tile < TILES; tile++) {
        if !is_filled(block, tile) {
            continue;
        }
        for (var step = 0u; step < STEPS; step++) {
            workgroupBarrier();
            for (var k = me; k < CHUNK * ACROSS; k += THREADS) {
                let state = k / (CHUNK / 4u);
                let quad = k % (CHUNK / 4u);
                let values = rates[(block * TILE + state) * TILES * ACROSS + tile * ACROSS + step * (CHUNK / 4u) + quad];
                left[4u * quad * TILE + state] = values.x;
                left[(4u * quad + 1u) * TILE + state] = values.y;
                left[(4u * quad + 2u) * TILE + state] = values.z;
                left[(4u * quad + 3u) * TILE + state] = values.w;
                let place = tile * TILE + step * CHUNK + k / ACROSS;
                let beside = own * ACROSS + k % ACROSS;
                if place < params.neurons && beside < QUADS {
                    right[k] = weights[place * QUADS + beside];
                } else {
                    right[k] = vec4<f32>(0.0);
                }
            }
            workgroupBarrier();
            for (var k = 0u; k < CHUNK; k++) {
                let upper = four(k * TILE + row);
                let lower = four(k * TILE + row + 4u);
                let near = right[k * ACROSS + column];
                let far = right[k * ACROSS + column + 1u];
                a += mat4x4<f32>(near * upper.x, near * upper.y, near * upper.z, near * upper.w);
                b += mat4x4<f32>(far * upper.x, far * upper.y, far * upper.z, far * upper.w);
                c += mat4x4<f32>(near * lower.x, near * lower.y, near * lower.z, near * lower.w);
                d += mat4x4<f32>(far * lower.x, far * lower.y, far * lower.z, far * lower.w);
            }
        }
    }
    workgroupBarrier();
    for (var k = 0u; k < 4u; k++) {
        let upper = (block * TILE + row + k) * TILES * ACROSS + own * ACROSS + column;
        let lower = upper + 4u * TILES * ACROSS;
        left[(row + k) * 8u + me % 8u] = dot(a[k], rates[upper]) + dot(b[k], rates[upper + 1u]);
        left[(row + 4u + k) * 8u + me % 8u] = dot(c[k], rates[lower]) + dot(d[k], rates[lower + 1u]);
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var k = 0u; k < 8u; k++) {
        sum += left[me * 8u + k];
    }
    response[out] = 0.5 * sum;
}
