// Random numbers of counters, the same as dynamics::noise makes on the CPU.
// Constants: NOISE: 0 for none, 1 for spikes, 2 for a noise current.

// 2^-32: the distance of the uniform numbers.
const SMALLEST = 2.3283064365386963e-10;

// High word of a product.
fn high_product(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 16u);
    let other = a_low * b_high + (middle & 0xffffu);
    return a_high * b_high + (middle >> 16u) + (other >> 16u);
}

// Philox4x32-10: 128 random bits of a counter under a key.
fn philox(start: vec4<u32>, start_key: vec2<u32>) -> vec4<u32> {
    var counter = start;
    var key = start_key;
    for (var round = 0u; round < 10u; round++) {
        let left = 0xd2511f53u * counter.x;
        let left_high = high_product(0xd2511f53u, counter.x);
        let right = 0xcd9e8d57u * counter.z;
        let right_high = high_product(0xcd9e8d57u, counter.z);
        counter = vec4<u32>(right_high ^ counter.y ^ key.x, right, left_high ^ counter.w ^ key.y, left);
        key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}

// e^-x for x from 0 to 64.
fn exp_of_minus(x: f32) -> f32 {
    let whole = floor(x * 1.44269504 + 0.5);
    let rest = (whole * 0.6933594 - x) - whole * 2.1219444e-4;
    let series = 1.0 + rest * (1.0 + rest / 2.0
        * (1.0 + rest / 3.0 * (1.0 + rest / 4.0 * (1.0 + rest / 5.0 * (1.0 + rest / 6.0)))));
    return series * bitcast<f32>((127u - u32(whole)) << 23u);
}

// A Poisson number of the given mean from 32 random bits: the least k with v >= P(X > k), v uniform in [0, 1).
fn poisson(given_mean: f32, bits: u32) -> u32 {
    let v = f32(bits) * SMALLEST;
    if !(v < given_mean) {
        return 0u;
    }
    let mean = min(given_mean, 64.0);
    var probability = exp_of_minus(mean);
    var above = 1.0 - probability;
    if mean < 0.5 {
        above = mean * (1.0
            - mean / 2.0 * (1.0 - mean / 3.0 * (1.0 - mean / 4.0 * (1.0 - mean / 5.0 * (1.0 - mean / 6.0)))));
    }
    var count = 0u;
    while v < above && (probability > (0.5 * SMALLEST) || f32(count) < mean) {
        count++;
        probability *= mean / f32(count);
        above -= probability;
    }
    return count;
}

// -log of the uniform number (bits + 1/2) / 2^32, near 1 by the series of what is missing to it.
fn minus_log(bits: u32) -> f32 {
    let missing = (f32(~bits) + 0.5) * SMALLEST;
    if missing < 0.05 {
        return missing * (1.0 + missing * (1.0 / 2.0 + missing * (1.0 / 3.0 + missing * (1.0 / 4.0 + missing / 5.0))));
    }
    return -log((f32(bits) + 0.5) * SMALLEST);
}

// Cosine and sine of the angle 2 pi (bits + 1/2) / 2^32: that of an eighth of a turn about the nearest quarter, turned.
fn cosine_and_sine(bits: u32) -> vec2<f32> {
    let quarter = (bits + 0x20000000u) >> 30u;
    let rest = f32(bitcast<i32>(bits - (quarter << 30u)));
    let x = (rest + 0.5) * (6.2831853 * SMALLEST);
    let s = x * x;
    let cosine = 1.0 - s / 2.0 * (1.0 - s / 12.0 * (1.0 - s / 30.0 * (1.0 - s / 56.0)));
    let sine = x * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))));
    let turned = select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), (quarter & 1u) == 1u);
    return select(turned, -turned, (quarter & 2u) == 2u);
}

// Four independent normal numbers of mean 0 and variance 1 (Box & Muller 1958).
fn normals(bits: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(
        sqrt(2.0 * minus_log(bits.x)) * cosine_and_sine(bits.y),
        sqrt(2.0 * minus_log(bits.z)) * cosine_and_sine(bits.w),
    );
}
