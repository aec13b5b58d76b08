// W times the vectors of the searches for minima, those of GROUP neighbouring states together.
// CPU function of the same meaning: connectivity::field::group_field.
//
// Neurons are numbered in the order of the states' map, and W stands in that order (permute.wgsl): what a bump needs of it is a
// block, much the same for its neighbours. The rows of the neurons that have a source in any state of the group are read once
// for all of them, and only at the columns that any of them wants. A state's sum runs over ascending neurons, and what others
// add to the list are zeros, so its bits do not depend on its company.
//
// Searches that want the fields of all neurons wait until the rest of their group does or has ended: those fields are the
// largest products, and are made for all together.
//
// Groups are of searches that go on: the host lists them anew from time to time, so that neighbours of those that have ended
// come together.
//
// A workgroup takes tiles of LANES quads, four columns each; a thread one quad and four states.
//
// Constants: GROUP (1, 4, 8 or 16), LANES, LIST (a multiple of UNROLL), MASK_WORDS, and those of shared/search.wgsl and
// shared/weights.wgsl, which stand before this file.

@group(0) @binding(0) var<uniform> params: SearchParams;
@group(0) @binding(5) var<storage, read_write> searches: array<Search>;
// [states, 4 QUADS]
@group(0) @binding(6) var<storage, read> sources: array<f32>;
// [states, QUADS]
@group(0) @binding(7) var<storage, read_write> fields: array<vec4<f32>>;
// [states, MASK_WORDS]
@group(0) @binding(8) var<storage, read> masks: array<u32>;
// Quads of W that each group has read, low and high word [groups, 2].
@group(0) @binding(9) var<storage, read_write> counts: array<atomic<u32>>;
// States whose searches go on, ascending [params.going].
@group(0) @binding(10) var<storage, read> going: array<u32>;

const BLOCKS = (GROUP + 3u) / 4u;
const THREADS = LANES * BLOCKS;
// Rows of W that are on their way at the same time; see trajectories.wgsl. Lists are filled up with sources of 0.
const UNROLL = select(1u, 4u, PARTS == 1u);
// Words of the mask that are counted together.
const RUN = 16u;
const RUNS = (MASK_WORDS + RUN - 1u) / RUN;

// What the group's searches want: NOTHING, SOME or ALL, and one bit for each state that gets it.
var<workgroup> wants: vec2<u32>;
// The group's states; the last one stands for those that a smaller group lacks.
var<workgroup> states: array<u32, GROUP>;
var<workgroup> mask: array<u32, MASK_WORDS>;
// Neurons and quads that stand in the mask before each word, before each run of words, and in all.
var<workgroup> before: array<vec2<u32>, MASK_WORDS>;
var<workgroup> in_run: array<vec2<u32>, RUNS>;
var<workgroup> totals: vec2<u32>;
// Columns of the present tile, and rows of the present piece of the list.
var<workgroup> quads: array<u32, LANES>;
var<workgroup> list: array<u32, LIST>;
// Sources of the listed neurons [LIST, BLOCKS], four states each.
var<workgroup> sent: array<vec4<f32>, LIST * BLOCKS>;

var<private> me: u32;
// The group's first entry in `going`.
var<private> first: u32;

// A bit for each quad with a neuron in the word.
fn quads_of(word: u32) -> u32 {
    return (word | (word >> 1u) | (word >> 2u) | (word >> 3u)) & 0x11111111u;
}

// Which fields are made now.
fn find_wants() {
    if me == 0u {
        var some = 0u;
        var all = 0u;
        for (var s = 0u; s < GROUP; s++) {
            states[s] = going[min(first + s, params.going - 1u)];
            let own = select(NOTHING, searches[states[s]].wants, first + s < params.going);
            some |= select(0u, 1u << s, own == SOME);
            all |= select(0u, 1u << s, own == ALL);
        }
        wants = select(vec2<u32>(SOME, some), vec2<u32>(select(NOTHING, ALL, all != 0u), all), some == 0u);
    }
}

// Unites the masks of the states that take part, and counts.
fn find_mask(taking_part: u32) {
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        var bits = 0u;
        for (var s = 0u; s < GROUP; s++) {
            if ((taking_part >> s) & 1u) == 1u {
                bits |= masks[states[s] * MASK_WORDS + word];
            }
        }
        mask[word] = bits;
    }
    workgroupBarrier();
    for (var run = me; run < RUNS; run += THREADS) {
        var sum = vec2<u32>(0u);
        for (var word = run * RUN; word < min((run + 1u) * RUN, MASK_WORDS); word++) {
            before[word] = sum;
            sum += vec2<u32>(countOneBits(mask[word]), countOneBits(quads_of(mask[word])));
        }
        in_run[run] = sum;
    }
    workgroupBarrier();
    if me == 0u {
        var sum = vec2<u32>(0u);
        for (var run = 0u; run < RUNS; run++) {
            let own = in_run[run];
            in_run[run] = sum;
            sum += own;
        }
        totals = sum;
    }
    workgroupBarrier();
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        before[word] += in_run[word / RUN];
    }
}

// Lists the columns of a tile: from the mask's quad number `start` on, or all quads.
fn list_quads(start: u32, are_all: bool) {
    if are_all {
        if me < LANES {
            quads[me] = start + me;
        }
        return;
    }
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        var number = before[word].y;
        var bits = quads_of(mask[word]);
        while bits != 0u && number < start + LANES {
            if number >= start {
                quads[number - start] = word * 8u + firstTrailingBit(bits) / 4u;
            }
            bits &= bits - 1u;
            number++;
        }
    }
}

// Lists rows: neurons number start .. start + LIST of the mask, as far as there are.
fn list_rows(start: u32) {
    for (var word = me; word < MASK_WORDS; word += THREADS) {
        var number = before[word].x;
        var bits = mask[word];
        while bits != 0u && number < start + LIST {
            if number >= start {
                list[number - start] = word * 32u + firstTrailingBit(bits);
            }
            bits &= bits - 1u;
            number++;
        }
    }
}

fn source(s: u32, neuron: u32) -> f32 {
    return sources[states[s] * 4u * QUADS + neuron];
}

// Fetches the sources of `length` listed neurons, and adds rows of nothing up to `padded`.
fn fetch_sources(length: u32, padded: u32) {
    for (var entry = me; entry < LIST * BLOCKS; entry += THREADS) {
        let k = entry % LIST;
        let block = entry / LIST;
        if k >= padded {
            continue;
        }
        var own = vec4<f32>(0.0);
        if k < length {
            let i = list[k];
            own.x = source(4u * block, i);
            if GROUP > 1u {
                own = vec4<f32>(own.x, source(4u * block + 1u, i), source(4u * block + 2u, i), source(4u * block + 3u, i));
            }
        }
        sent[k * BLOCKS + block] = own;
    }
    // The list's end is read, and multiplied with 0.
    if length + me < padded {
        list[length + me] = 0u;
    }
}

// What a row adds to a quad of four states, a column each.
fn input(w: vec4<f32>, k: u32, block: u32) -> mat4x4<f32> {
    let own = sent[k * BLOCKS + block];
    if GROUP == 1u {
        return mat4x4<f32>(w * own.x, vec4<f32>(0.0), vec4<f32>(0.0), vec4<f32>(0.0));
    }
    return mat4x4<f32>(w * own.x, w * own.y, w * own.z, w * own.w);
}

// Adds the listed rows' part of a quad's field in four states, row by row: where pieces of the list end depends on the company.
fn with_rows(before: mat4x4<f32>, quad: u32, block: u32, padded: u32) -> mat4x4<f32> {
    var sum = before;
    for (var k = 0u; k < padded; k += UNROLL) {
        let w0 = weights_at(list[k], quad);
        if UNROLL == 1u {
            sum += input(w0, k, block);
            continue;
        }
        let w1 = weights_0[list[k + 1u] * QUADS + quad];
        let w2 = weights_0[list[k + 2u] * QUADS + quad];
        let w3 = weights_0[list[k + 3u] * QUADS + quad];
        sum += input(w0, k, block);
        sum += input(w1, k + 1u, block);
        sum += input(w2, k + 2u, block);
        sum += input(w3, k + 3u, block);
    }
    return sum;
}

// Keeps the field of a state that takes part.
fn store(s: u32, quad: u32, taking_part: u32, field: vec4<f32>) {
    if ((taking_part >> s) & 1u) == 1u {
        fields[states[s] * QUADS + quad] = field;
    }
}

// The fields of one tile of columns.
fn find_fields(start: u32, columns: u32, rows: u32, kind: vec2<u32>) {
    let lane = me % LANES;
    let block = me / LANES;
    workgroupBarrier();
    list_quads(start, kind.x == ALL);
    workgroupBarrier();
    let has_quad = start + lane < columns;
    let quad = select(0u, quads[lane], has_quad);
    var sum = mat4x4<f32>();
    for (var done = 0u; done < rows; done += LIST) {
        let length = min(LIST, rows - done);
        let padded = (length + UNROLL - 1u) / UNROLL * UNROLL;
        workgroupBarrier();
        list_rows(done);
        workgroupBarrier();
        fetch_sources(length, padded);
        workgroupBarrier();
        if has_quad {
            sum = with_rows(sum, quad, block, padded);
        }
    }
    if has_quad {
        store(4u * block, quad, kind.y, sum[0]);
        if GROUP > 1u {
            store(4u * block + 1u, quad, kind.y, sum[1]);
            store(4u * block + 2u, quad, kind.y, sum[2]);
            store(4u * block + 3u, quad, kind.y, sum[3]);
        }
    }
}

@compute @workgroup_size(THREADS)
fn fields_together(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    me = thread;
    first = group.y * GROUP;
    find_wants();
    let kind = workgroupUniformLoad(&wants);
    if kind.x == NOTHING {
        return;
    }
    find_mask(kind.y);
    let found = workgroupUniformLoad(&totals);
    let columns = select(found.y, QUADS, kind.x == ALL);
    var read = 0u;
    for (var start = group.x * LANES; start < columns; start += groups.x * LANES) {
        find_fields(start, columns, found.x, kind);
        read += found.x * min(LANES, columns - start);
    }
    if me == 0u {
        let earlier = atomicAdd(&counts[2u * group.y], read);
        if earlier + read < earlier {
            atomicAdd(&counts[2u * group.y + 1u], 1u);
        }
    }
    if group.x == 0u && me < GROUP && ((kind.y >> me) & 1u) == 1u {
        searches[states[me]].is_answered = 1u;
    }
}
