// Newton steps by preconditioned conjugate gradients on the null space of C; see minimum.wgsl.

// Squared reduction of the residual that ends the conjugate gradients, at least.
const FINEST = 1e-10;

// Begins to solve for the step.
fn begin_solving() {
    var squares = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let r = rate_of(slot);
        let gap = gap_of(slot);
        let takes_part = r > 0.0 || gap > 0.0;
        let c = along(slot);
        let inverse = select(0.0, 1.0 / (secant(r, gap + own_current(r)) + own.damping), takes_part);
        work[at(INVERSE, slot)] = inverse;
        work[at(STEP, slot)] = 0.0;
        work[at(RESIDUE, slot)] = select(0.0, gap, takes_part);
        sources[place(slot)] = 0.0;
        squares += inverse * vec4<f32>(c.x * c.x, c.x * c.y, c.y * c.y, 0.0);
    }
    let products = reduce(squares);
    own.products_xx = products.x;
    own.products_xy = products.y;
    own.products_yy = products.z;
    own.change_x = 0.0;
    own.change_y = 0.0;
    own.turn = 0u;
}

// Finds the next direction of the conjugate gradients, and waits for its image; goes on to the step if the residue is small
// enough, or time is up.
fn next_direction() -> u32 {
    if own.turn > 2u * count || own.turns >= params.turns {
        return TRY;
    }
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let residue = work[at(RESIDUE, slot)];
        local += work[at(INVERSE, slot)] * residue * vec4<f32>(residue, along(slot), 0.0);
    }
    let sums = reduce(local);
    // The residue's part along C is the multipliers'.
    let mu = balance(vec3<f32>(own.products_xx, own.products_xy, own.products_yy), sums.yz);
    own.change_x += mu.x;
    own.change_y += mu.y;
    let rho = sums.x - dot(mu, sums.yz);
    if own.turn == 0u {
        let ratio = rho / own.previous_rho;
        let roughest = params.roughest;
        let rough = select(roughest, clamp(0.81 * ratio * ratio, FINEST, roughest), own.previous_rho > 0.0);
        own.rho_end = rho * rough;
        own.first_rho = rho;
    }
    if !(rho > own.rho_end) {
        return TRY;
    }
    let keep = select(rho / own.rho, 0.0, own.turn == 0u);
    own.rho = rho;
    for (var slot = me; slot < count; slot += THREADS) {
        let inverse = work[at(INVERSE, slot)];
        let residue = work[at(RESIDUE, slot)] - select(0.0, dot(mu, along(slot)), inverse > 0.0);
        work[at(RESIDUE, slot)] = residue;
        sources[place(slot)] = inverse * residue + keep * sources[place(slot)];
    }
    own.phase = SOLVES;
    return WAIT;
}

// Goes along the direction, whose image has come; false if the curvature along it is not positive.
fn take_direction() -> bool {
    var local = vec4<f32>(0.0);
    for (var slot = me; slot < count; slot += THREADS) {
        let inverse = work[at(INVERSE, slot)];
        if inverse > 0.0 {
            let direction = sources[place(slot)];
            let diagonal = direction / inverse;
            local += direction * vec4<f32>(diagonal - fields[place(slot)], diagonal, 0.0, 0.0);
        }
    }
    own.turns++;
    own.turn++;
    let curvature = reduce(local);
    if !(curvature.x > 1e-7 * curvature.y) {
        return false;
    }
    let length = own.rho / curvature.x;
    for (var slot = me; slot < count; slot += THREADS) {
        let inverse = work[at(INVERSE, slot)];
        if inverse > 0.0 {
            let direction = sources[place(slot)];
            work[at(STEP, slot)] += length * direction;
            work[at(RESIDUE, slot)] -= length * (direction / inverse - fields[place(slot)]);
        }
    }
    return true;
}
