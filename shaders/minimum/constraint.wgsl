// Minima are sought under C.r = 0: the multipliers, and the way back onto the constraint; see minimum.wgsl.

// The part of a pair of moments along C, whose products are `squares` (xx, xy, yy); where they are singular, along one axis.
fn balance(squares: vec3<f32>, moments: vec2<f32>) -> vec2<f32> {
    let determinant = squares.x * squares.z - squares.y * squares.y;
    if determinant > 1e-6 * squares.x * squares.z {
        return vec2<f32>(
            squares.z * moments.x - squares.y * moments.y,
            squares.x * moments.y - squares.y * moments.x,
        ) / determinant;
    }
    if squares.x > 0.0 && squares.x >= squares.z {
        return vec2<f32>(moments.x / squares.x, 0.0);
    }
    return vec2<f32>(0.0, select(0.0, moments.y / squares.z, squares.z > 0.0));
}

// The lambda that leaves the least squares of g + C lambda over active neurons.
fn least_squares_multiplier() {
    var squares = vec4<f32>(0.0);
    var moments = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        if rate_of(slot) > 0.0 {
            let c = along(slot);
            squares += vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
            moments += vec4<f32>(c * gap_of(slot), 0.0, 0.0);
        }
    }
    let products = reduce(squares);
    let lambda = balance(products.xyz, reduce(moments).xy);
    own.multiplier_x = lambda.x;
    own.multiplier_y = lambda.y;
}

// `trial` moved along C, if it leads to a positive rate, and as far as that stays positive.
fn shifted(slot: u32, shift: vec2<f32>) -> f32 {
    let silence = -work[at(BASE, slot)];
    let trial = work[at(TRIAL, slot)];
    return select(trial, max(trial - dot(shift, along(slot)), silence), trial > silence);
}

// Moves the positive ones of the rates that `trial` leads to, to the nearest ones with C.rates = 0.
fn project() {
    var shift = vec2<f32>(0.0);
    for (var turn = 0u; turn < 20u; turn++) {
        var moments = vec4<f32>(0.0);
        var squares = vec4<f32>(0.0);
        for (var slot = me; slot < count; slot += THREADS) {
            let c = along(slot);
            let moved = shifted(slot, shift);
            moments += vec4<f32>(c * moved, (abs(c.x) + abs(c.y)) * abs(moved), 0.0);
            if work[at(BASE, slot)] + moved > 0.0 {
                squares += vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
            }
        }
        let moment = reduce(moments);
        let more = balance(reduce(squares).xyz, moment.xy);
        if !(abs(moment.x) + abs(moment.y) > 1e-6 * moment.z) || all(more == vec2<f32>(0.0)) {
            break;
        }
        shift += more;
    }
    for (var slot = me; slot < count; slot += THREADS) {
        work[at(TRIAL, slot)] = shifted(slot, shift);
    }
}
