// The searches for minima, for the shaders that take part in them.

struct SearchParams {
    neurons: u32,
    // States of this batch, and those whose searches go on.
    states: u32,
    going: u32,
    // 1 if silent neurons may join.
    admits: u32,
    // 1 to go on from a base whose gaps are known.
    corrects: u32,
    // 1 to ask silent neurons at the beginning and at rest only, those that nearly join too: for large networks.
    asks_rarely: u32,
    // Newton iterations, and turns of the conjugate gradients, after which a state is left as it is.
    iterations: u32,
    turns: u32,
    // Squared reduction of the residual that ends the conjugate gradients, at most.
    roughest: f32,
    tolerance: f32,
    // Largest |h| [Hz^2].
    largest_current: f32,
    // c and n of the transfer function.
    gain: f32,
    exponent: f32,
}

// One search. What the host reads or writes comes first; it begins with the rest 0, but for `wants`.
struct Search {
    // Out: the multipliers [Hz^2/neuron unit]; with `corrects`, what is added to those of the base.
    multiplier_x: f32,
    multiplier_y: f32,
    // In and out: number of candidates.
    count: u32,
    // Out.
    iterations: u32,
    // Largest violation of the minimum's conditions [Hz^2].
    residual: f32,
    // How often the curvature was found negative or a step did not lower the energy, and how often a step was shortened.
    dampings: u32,
    halvings: u32,
    // 1 if more neurons would have joined than there are slots.
    is_full: u32,
    // In: 1 if the state's map is a surface.
    is_on_surface: u32,
    // Out: turns of the conjugate gradients.
    turns: u32,
    // In and out: which field the search waits for; NOTHING when it has ended.
    wants: u32,
    // 1 when the field has come.
    is_answered: u32,
    // What is done with it.
    phase: u32,
    // 1 until the multipliers are known.
    begins: u32,
    damping: f32,
    // The residual at the beginning.
    first_residual: f32,
    // Mean curvature of the present state.
    curvature: f32,
    // The conjugate gradients: how often the damping was raised for this step; turns of this step; C.diag(d + damping)^-1.C;
    // squared size of the residue now, at the end, at the step's begin and at that of the step before; change of lambda.
    attempt: u32,
    turn: u32,
    products_xx: f32,
    products_xy: f32,
    products_yy: f32,
    rho: f32,
    rho_end: f32,
    first_rho: f32,
    previous_rho: f32,
    change_x: f32,
    change_y: f32,
    // The line search: length of the step, and how often it was halved.
    length: f32,
    halved: u32,
}

// Fields that a search may wait for: none, those of the neurons in its mask, those of all neurons.
const NOTHING = 0u;
const SOME = 1u;
const ALL = 2u;
