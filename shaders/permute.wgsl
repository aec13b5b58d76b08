// A matrix with its rows and columns in another order, such as W by the neurons' places in one map; one row a workgroup.
// Constants: THREADS, and those of shared/weights.wgsl, which stands before this file.

struct PermuteParams {
    neurons: u32,
    // The first row that is written.
    first: u32,
    // 1 to add to what is there.
    adds: u32,
    // 1 to write a diagonal of zeros.
    is_hollow: u32,
}

@group(0) @binding(0) var<uniform> params: PermuteParams;
// Former number of each row and column [neurons].
@group(0) @binding(5) var<storage, read> former: array<u32>;
// Rows from `first` on [rows, 4 QUADS].
@group(0) @binding(6) var<storage, read_write> permuted: array<f32>;

@compute @workgroup_size(THREADS)
fn permute(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = params.first + group.x;
    let former_row = former[row];
    for (var column = thread; column < 4u * QUADS; column += THREADS) {
        let at = group.x * 4u * QUADS + column;
        var own = 0.0;
        if column < params.neurons && !(params.is_hollow == 1u && column == row) {
            own = weight(former_row, former[column]);
            if params.adds == 1u {
                own += permuted[at];
            }
        }
        permuted[at] = own;
    }
}
