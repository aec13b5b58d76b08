//! Searches of neighbouring points side by side: what they share of W is read once for all.
//!
//! The field of all neurons, `W·r`, is what a search reads most for. Neighbours on a manifold have most active neurons in
//! common, so the rows of four states are hardly more than those of one. A state's field has the same bits whatever company
//! it is computed in, so results do not depend on who goes beside whom.

use pulp::Arch;

use super::newton::{SilentCheck, Workspace};
use crate::connectivity::field::{GROUP, field, group_field};
use crate::connectivity::matrix::{self, WeightMatrix};
use crate::landscape::constraint::{Constraint, Minimum};
use crate::landscape::problem::Problem;
use crate::landscape::states::{State, StateBuf};

/// One search: the point's constraint, where it starts, and how often silent neurons are asked.
#[derive(Clone)]
pub(crate) struct Task {
    pub constraint: Constraint,
    pub start: StateBuf,
    pub check: SilentCheck,
}

/// Up to [`GROUP`] searches side by side, with their memory, used again for the next.
pub(crate) struct Group {
    searches: [Workspace; GROUP],
    /// Neurons active in any of the states, and their rates in each.
    active: Vec<u32>,
    rates: Vec<[f64; GROUP]>,
    /// `[GROUP, stride]`
    fields: Vec<f64>,
}

impl Group {
    pub(crate) fn new(neurons: usize) -> Self {
        Self {
            searches: std::array::from_fn(|_| Workspace::new(Arch::new(), neurons)),
            active: Vec::new(),
            rates: vec![[0.0; GROUP]; neurons],
            fields: vec![0.0; GROUP * matrix::stride(neurons)],
        }
    }

    /// The minima of at most [`GROUP`] points; `finish` makes of each what is wanted of it.
    pub(crate) fn minimize<R>(
        &mut self,
        problem: &Problem<'_>,
        tasks: &[Task],
        finish: impl Fn(&Task, &Workspace, Minimum) -> R,
    ) -> Vec<R> {
        let energy = problem.energy();
        for (search, task) in self.searches.iter_mut().zip(tasks) {
            search.begin(energy, &task.constraint, task.start.view());
        }
        let mut waiting: Vec<usize> = (0..tasks.len()).collect();
        loop {
            waiting.retain(|&g| !self.searches[g].advance(energy, &tasks[g].constraint, tasks[g].check));
            if waiting.is_empty() {
                break;
            }
            self.update_fields(problem.weights, &waiting);
        }
        let finished = |(search, task): (&mut Workspace, &Task)| {
            let minimum = search.finish(energy, &task.constraint);
            finish(task, search, minimum)
        };
        self.searches.iter_mut().zip(tasks).map(finished).collect()
    }

    /// Computes the fields of the searches that wait for them.
    fn update_fields(&mut self, weights: &WeightMatrix, waiting: &[usize]) {
        let states: Vec<StateBuf> = waiting.iter().map(|&g| self.searches[g].sorted()).collect();
        self.rates.resize(weights.neurons(), [0.0; GROUP]);
        self.rates.fill([0.0; GROUP]);
        for (&g, state) in waiting.iter().zip(&states) {
            for (i, r) in state.view().iter() {
                self.rates[i][g] = r;
            }
        }
        self.active.clear();
        self.active.extend((0..self.rates.len() as u32).filter(|&i| self.rates[i as usize] != [0.0; GROUP]));
        // Sharing pays if less than twice the multiplications of separate fields are made.
        let separate: usize = states.iter().map(|state| state.active.len()).sum();
        if GROUP * self.active.len() >= 2 * separate {
            for (&g, state) in waiting.iter().zip(&states) {
                self.give_own_field(weights, g, state.view());
            }
            return;
        }
        self.rates.retain(|r| *r != [0.0; GROUP]);
        group_field(Arch::new(), weights, &self.active, &self.rates, &mut self.fields);
        let stride = weights.stride();
        for &g in waiting {
            self.searches[g].give_field(&self.fields[g * stride..][..stride]);
        }
    }

    fn give_own_field(&mut self, weights: &WeightMatrix, g: usize, state: State<'_>) {
        let own = &mut self.fields[..weights.stride()];
        field(Arch::new(), weights, state.active, state.rates, own);
        self.searches[g].give_field(own);
    }
}
