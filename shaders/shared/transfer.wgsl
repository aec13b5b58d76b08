// The transfer function phi(I) = c I^n, by the current U' that a rate asks for, and its curvature.
// Constant: IS_ROOT, 1 if U' = r^2. The shader's params have gain, c, and exponent, n.

// U': the current that a rate asks for.
fn own_current(rate: f32) -> f32 {
    if IS_ROOT == 1u {
        return rate * rate;
    }
    return select(0.0, pow(max(rate, 0.0) / params.gain, 1.0 / params.exponent), rate > 0.0);
}

// U'(r + d) - U'(r), without numbers of the size of U' where d is small.
fn current_difference(rate: f32, d: f32) -> f32 {
    if IS_ROOT == 1u {
        return d * (2.0 * rate + d);
    }
    if rate > 0.0 && abs(d) < 0.1 * rate {
        let share = d / rate;
        let power = 1.0 / params.exponent;
        let third = 1.0 + (power - 2.0) / 3.0 * share * (1.0 + (power - 3.0) / 4.0 * share);
        return own_current(rate) * power * share * (1.0 + (power - 1.0) / 2.0 * share * third);
    }
    return own_current(rate + d) - own_current(rate);
}

// U''; 0 for silent neurons.
fn curvature_of(rate: f32) -> f32 {
    if IS_ROOT == 1u {
        return 2.0 * rate;
    }
    return select(0.0, own_current(rate) / (params.exponent * rate), rate > 0.0);
}

// The curvature that takes an uncoupled neuron from `rate` to its solution at `t` in one step, or silences it.
fn secant(rate: f32, t: f32) -> f32 {
    let own = own_current(rate);
    if !(t > 0.0) {
        // Only a finite part is wanted when the rate is tiny.
        return min((own - t) / max(rate, 1e-12), 1e6);
    }
    if IS_ROOT == 1u {
        return rate + sqrt(t);
    }
    let solution = params.gain * pow(t, params.exponent);
    // Where the two ends meet, the secant is the tangent.
    let is_apart = abs(rate - solution) > 1e-3 * solution;
    return select(curvature_of(solution), (own - t) / (rate - solution), is_apart);
}

// U(r + d) - U(r) - d U'(r), without numbers of the size of U where d is small.
fn bend(rate: f32, d: f32) -> f32 {
    if IS_ROOT == 1u {
        return d * d * (rate + d / 3.0);
    }
    let n = params.exponent;
    if rate > 0.0 && abs(d) < 0.1 * rate {
        let share = d / rate;
        let power = 1.0 / n - 1.0;
        let series = 1.0 + power / 3.0 * share * (1.0 + (power - 1.0) / 4.0 * share);
        return 0.5 * d * d * curvature_of(rate) * series;
    }
    let end = rate + d;
    return n / (n + 1.0) * (own_current(end) * end - own_current(rate) * rate) - d * own_current(rate);
}
