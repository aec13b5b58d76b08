// X = sum over the states t of one map of alpha_t r_t r_t^T, over the places of that map.
// CPU function of the same meaning: solve::products::Products::forward, for one map.
//
// Rates stand by places, where the states of a map form a band: only tiles that some states fill are multiplied. A workgroup makes a tile
// of TILE x TILE, a thread 8 x 8 of it, and writes the tile's mirror image too.
//
// Constants: TILES, tiles in a row; QUADS, vec4 in a row of X.

struct ChangeParams {
    // N.
    neurons: u32,
    // Chunks of states.
    chunks: u32,
    // Number of the map's first state, and how many there are.
    first: u32,
    states: u32,
}

@group(0) @binding(0) var<uniform> params: ChangeParams;
// [states, 16 TILES] in Hz, states and places filled up with zeros to whole chunks and tiles.
@group(0) @binding(1) var<storage, read> rates: array<vec4<f32>>;
// A bit for each tile that the states of a chunk fill [chunks, WORDS].
@group(0) @binding(2) var<storage, read> filled: array<u32>;
// alpha of the states of all maps.
@group(0) @binding(3) var<storage, read> factors: array<f32>;
// X [neurons, QUADS].
@group(0) @binding(4) var<storage, read_write> change: array<vec4<f32>>;

const THREADS = 64u;
// Places of a tile, and states of a chunk.
const TILE = 64u;
const CHUNK = 16u;
const WORDS = (TILES + 31u) / 32u;
// vec4 of a tile's row.
const ACROSS = TILE / 4u;

var<workgroup> left: array<vec4<f32>, CHUNK * ACROSS>;
var<workgroup> right: array<vec4<f32>, CHUNK * ACROSS>;

fn is_filled(chunk: u32, tile: u32) -> bool {
    return ((filled[chunk * WORDS + tile / 32u] >> (tile % 32u)) & 1u) == 1u;
}

fn store(row: u32, quad: u32, values: vec4<f32>) {
    if row < params.neurons && quad < QUADS {
        change[row * QUADS + quad] = values;
    }
}

fn store_four(row: u32, quad: u32, values: mat4x4<f32>) {
    store(row, quad, values[0]);
    store(row + 1u, quad, values[1]);
    store(row + 2u, quad, values[2]);
    store(row + 3u, quad, values[3]);
}

@compute @workgroup_size(THREADS)
fn weight_change(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let top = group.x;
    let across = group.y;
    if across < top {
        return;
    }
    let row = 2u * (me / 8u);
    let column = 2u * (me % 8u);
    // Four rows by four columns each.
    var a = mat4x4<f32>();
    var b = mat4x4<f32>();
    var c = mat4x4<f32>();
    var d = mat4x4<f32>();
    for (var chunk = 0u; chunk < params.chunks; chunk++) {
        if !(is_filled(chunk, top) && is_filled(chunk, across)) {
            continue;
        }
        workgroupBarrier();
        for (var k = me; k < CHUNK * ACROSS; k += THREADS) {
            let state = chunk * CHUNK + k / ACROSS;
            let factor = select(0.0, factors[params.first + min(state, params.states - 1u)], state < params.states);
            let begin = state * TILES * ACROSS + k % ACROSS;
            left[k] = rates[begin + top * ACROSS] * factor;
            right[k] = rates[begin + across * ACROSS];
        }
        workgroupBarrier();
        for (var k = 0u; k < CHUNK; k++) {
            let upper = left[k * ACROSS + row];
            let lower = left[k * ACROSS + row + 1u];
            let near = right[k * ACROSS + column];
            let far = right[k * ACROSS + column + 1u];
            a += mat4x4<f32>(near * upper.x, near * upper.y, near * upper.z, near * upper.w);
            b += mat4x4<f32>(far * upper.x, far * upper.y, far * upper.z, far * upper.w);
            c += mat4x4<f32>(near * lower.x, near * lower.y, near * lower.z, near * lower.w);
            d += mat4x4<f32>(far * lower.x, far * lower.y, far * lower.z, far * lower.w);
        }
    }
    let first = top * TILE + 4u * row;
    let quad = across * ACROSS + column;
    store_four(first, quad, a);
    store_four(first, quad + 1u, b);
    store_four(first + 4u, quad, c);
    store_four(first + 4u, quad + 1u, d);
    if top != across {
        let mirrored = across * TILE + 4u * column;
        let beside = top * ACROSS + row;
        store_four(mirrored, beside, transpose(a));
        store_four(mirrored + 4u, beside, transpose(b));
        store_four(mirrored, beside + 1u, transpose(c));
        store_four(mirrored + 4u, beside + 1u, transpose(d));
    }
}
