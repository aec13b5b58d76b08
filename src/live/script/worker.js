// A worker owns one of the two networks: it takes its bumps on as many steps as it is told, and says where they are.

const state = { map: 0, fano: 0, cue: null, engine: null };

const ORDERS = {
  // {data, shader, engine: "auto" | "script"}
  async open({ data, shader, engine }) {
    state.network = new Network(data);
    state.trajectories = new Trajectories(state.network);
    state.decoder = new Decoder(state.network);
    if (engine === "script") return { by: "JavaScript" };
    const found = await WebGpu.open(state.network, shader);
    state.engine = found.engine ?? null;
    return { by: found.engine ? `WebGPU (${found.name})` : `JavaScript: ${found.reason}` };
  },

  // {map, places, part}: from the idealized bumps at these places of the map.
  start({ map, places, part }) {
    state.map = map;
    state.winning = places.map(() => map);
    state.next = 0;
    setPart(part);
    state.trajectories.start(map, places);
    return located();
  },

  part({ part }) {
    setPart(part);
    return located();
  },

  // {fano, cue: null | {place, strength}}; the cue's current is that of an idealized bump, its active part alone.
  surroundings({ fano, cue }) {
    state.trajectories.fano = state.fano = fano;
    state.cue = cue;
    const bump = cue && state.network.bumpAt(state.map, cue.place);
    state.trajectories.setCue(bump && bump.map((current) => cue.strength * Math.max(current, 0)));
    return {};
  },

  // {steps, complete}: complete asks for every bump's map, otherwise a few a turn are looked at.
  async advance({ steps, complete }) {
    const begun = performance.now();
    // The GPU's kernel knows neither noise nor cue.
    const device = state.engine && state.fano === 0 && !state.cue ? "gpu" : "script";
    if (steps > 0) {
      if (device === "gpu") await state.engine.advanceAll(state.trajectories, steps);
      else state.trajectories.advanceAll(steps);
    }
    const stepped = performance.now();
    const found = located(complete);
    return { ...found, device, stepMs: stepped - begun, decodeMs: performance.now() - stepped };
  },
};

function setPart(part) {
  state.trajectories.setPart(part);
  state.engine?.setWeights(state.trajectories.weights);
}

// How many bumps are compared with all maps in one turn: what costs L times as much as the rest.
const COMPARED_A_TURN = 2;

// Where all bumps are: phases in the chosen map and locations in the map that each was last found in [bumps, 2], and those
// maps [bumps]; of the first bump score, rates and energy too.
function located(complete = false) {
  const { trajectories, decoder, map } = state, count = trajectories.currents.length;
  const phases = new Float32Array(2 * count), locations = new Float32Array(2 * count);
  const compared = complete ? count : Math.min(count, COMPARED_A_TURN);
  const turn = new Set(Array.from({ length: compared }, (_, k) => (state.next + k) % count));
  state.next = (state.next + compared) % count;
  let first;
  for (let bump = 0; bump < count; bump++) {
    const active = trajectories.activeOf(bump), rates = trajectories.rates;
    if (turn.has(bump) || bump === 0) state.winning[bump] = decoder.winner(active, rates);
    const best = decoder.best(state.winning[bump], active, rates);
    phases.set(decoder.phase(map, active, rates), 2 * bump);
    locations.set(best.place, 2 * bump);
    if (bump === 0) first = { score: best.score, rates: Float32Array.from(rates) };
  }
  return { phases, locations, winning: Uint16Array.from(state.winning), first: { ...first, energy: trajectories.energy(0) } };
}

// Orders are done one after the other: an answer has the number of its order.
let turn = Promise.resolve();
onmessage = ({ data: { number, order, details } }) => {
  turn = turn.then(() => ORDERS[order](details)).then(
    (answer) => postMessage({ number, answer }),
    (error) => postMessage({ number, error: String(error.message ?? error) }),
  );
};
