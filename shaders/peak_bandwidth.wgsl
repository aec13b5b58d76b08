// How many bytes a second the device reads from its memory: every thread adds up a stride of one long buffer.
// CPU function of the same meaning: the sum of the buffer.

struct PeakParams {
    turns: u32,
    length: u32,
}

// Constants: THREADS.

@group(0) @binding(0) var<uniform> params: PeakParams;
@group(0) @binding(1) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> results: array<f32>;

@compute @workgroup_size(THREADS)
fn peak_bandwidth(
    @builtin(global_invocation_id) thread: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let threads = groups.x * THREADS;
    var sum = vec4<f32>(0.0);
    for (var turn = 0u; turn < params.turns; turn++) {
        for (var i = thread.x; i < params.length; i += threads) {
            sum += values[i];
        }
    }
    results[thread.x] = sum.x + sum.y + sum.z + sum.w;
}
