// How many f32 multiply-adds a second the device makes: chains in registers, nothing else.
// CPU function of the same meaning: gpu::peaks::chain.

struct PeakParams {
    turns: u32,
    length: u32,
}

// Constants: THREADS.

@group(0) @binding(0) var<uniform> params: PeakParams;
@group(0) @binding(1) var<storage, read_write> results: array<f32>;

@compute @workgroup_size(THREADS)
fn peak_flops(@builtin(global_invocation_id) thread: vec3<u32>) {
    // Eight vec4 hide the latency of a multiply-add. Values tend to 1: no overflow, and no constant to fold.
    let start = 0.5 + 0.25 * f32(thread.x % 4u);
    let half = vec4<f32>(0.5);
    var a = vec4<f32>(start);
    var b = a + 0.01;
    var c = a + 0.02;
    var d = a + 0.03;
    var e = a + 0.04;
    var f = a + 0.05;
    var g = a + 0.06;
    var h = a + 0.07;
    for (var turn = 0u; turn < params.turns; turn++) {
        a = fma(a, half, half);
        b = fma(b, half, half);
        c = fma(c, half, half);
        d = fma(d, half, half);
        e = fma(e, half, half);
        f = fma(f, half, half);
        g = fma(g, half, half);
        h = fma(h, half, half);
    }
    let sum = a + b + c + d + e + f + g + h;
    results[thread.x] = sum.x + sum.y + sum.z + sum.w;
}
