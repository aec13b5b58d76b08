//! Sparse states: the firing rates of many states, each stored by its active neurons.

/// Firing rates of many states, each stored by its active neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct States {
    neurons: usize,
    starts: Vec<usize>,
    active: Vec<u32>,
    rates: Vec<f64>,
}

/// One state: the active neurons, ascending, and their rates (Hz).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State<'a> {
    /// Indices of the neurons with a positive rate.
    pub active: &'a [u32],
    /// Their rates (Hz).
    pub rates: &'a [f64],
}

/// One state that owns its numbers; see [`State`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateBuf {
    /// Indices of the neurons with a positive rate, ascending.
    pub active: Vec<u32>,
    /// Their rates (Hz).
    pub rates: Vec<f64>,
}

impl StateBuf {
    /// The positive entries of dense rates `[neurons]`.
    pub fn from_dense(rates: &[f64]) -> Self {
        let (active, rates) =
            rates.iter().enumerate().filter(|(_, r)| **r > 0.0).map(|(i, &r)| (i as u32, r)).unzip();
        Self { active, rates }
    }

    /// A borrowed view.
    pub fn view(&self) -> State<'_> {
        State { active: &self.active, rates: &self.rates }
    }
}

impl<'a> State<'a> {
    /// Pairs of neuron and rate.
    pub fn iter(self) -> impl Iterator<Item = (usize, f64)> + 'a {
        self.active.iter().map(|&i| i as usize).zip(self.rates.iter().copied())
    }

    /// A copy of its own.
    pub fn to_owned(self) -> StateBuf {
        StateBuf { active: self.active.to_vec(), rates: self.rates.to_vec() }
    }

    /// Writes the rates to a dense `out` `[neurons]`.
    pub fn scatter(self, out: &mut [f64]) {
        out.fill(0.0);
        for (i, r) in self.iter() {
            out[i] = r;
        }
    }

    /// Largest rate (Hz).
    pub fn peak(self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// Cosine of the angle between two states' rate vectors, in 0..=1; 0 if either is silent.
    pub fn overlap(self, other: State<'_>) -> f64 {
        let norm = |s: State<'_>| s.rates.iter().map(|r| r * r).sum::<f64>().sqrt();
        let mut rest = other.iter().peekable();
        let mut dot = 0.0;
        for (i, r) in self.iter() {
            while rest.next_if(|&(j, _)| j < i).is_some() {}
            if let Some((_, q)) = rest.next_if(|&(j, _)| j == i) {
                dot += r * q;
            }
        }
        let norms = norm(self) * norm(other);
        if norms > 0.0 { dot / norms } else { 0.0 }
    }
}

impl States {
    /// Packs states in order.
    pub fn pack<'a>(neurons: usize, states: impl IntoIterator<Item = State<'a>>) -> Self {
        let mut packed = Self { neurons, starts: vec![0], active: Vec::new(), rates: Vec::new() };
        packed.append(states.into_iter());
        packed
    }

    /// Adds states after those there are.
    pub fn append<'a>(&mut self, states: impl Iterator<Item = State<'a>>) {
        for state in states {
            self.active.extend_from_slice(state.active);
            self.rates.extend_from_slice(state.rates);
            self.starts.push(self.active.len());
        }
    }

    /// From raw parts, as a checkpoint stores them.
    ///
    /// # Errors
    /// If the parts contradict each other.
    pub fn from_parts(
        neurons: usize,
        starts: Vec<usize>,
        active: Vec<u32>,
        rates: Vec<f64>,
    ) -> Result<Self, String> {
        let consistent = starts.first() == Some(&0)
            && starts.last() == Some(&active.len())
            && starts.is_sorted()
            && active.len() == rates.len()
            && active.iter().all(|&i| (i as usize) < neurons);
        if consistent {
            Ok(Self { neurons, starts, active, rates })
        } else {
            Err("the stored states contradict each other".to_owned())
        }
    }

    /// Start of every state in the packed arrays (one more entry than states), the neurons, and their rates.
    pub fn parts(&self) -> (&[usize], &[u32], &[f64]) {
        (&self.starts, &self.active, &self.rates)
    }

    /// Number of states.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// State `s`.
    pub fn get(&self, s: usize) -> State<'_> {
        let range = self.starts[s]..self.starts[s + 1];
        State { active: &self.active[range.clone()], rates: &self.rates[range] }
    }

    /// All states in order.
    pub fn iter(&self) -> impl Iterator<Item = State<'_>> {
        (0..self.len()).map(|s| self.get(s))
    }

    /// Mean number of active neurons, a.
    pub fn mean_active(&self) -> f64 {
        self.active.len() as f64 / self.len().max(1) as f64
    }

    /// Dense rates `[states, neurons]`, C-ordered (Hz).
    pub fn to_dense(&self) -> Vec<f64> {
        let mut dense = vec![0.0; self.len() * self.neurons];
        for (state, row) in self.iter().zip(dense.chunks_exact_mut(self.neurons)) {
            state.scatter(row);
        }
        dense
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_the_cosine() {
        let a = StateBuf::from_dense(&[0.0, 3.0, 4.0, 0.0]);
        let b = StateBuf::from_dense(&[1.0, 0.0, 2.0, 2.0]);
        assert!((a.view().overlap(b.view()) - 8.0 / 15.0).abs() < 1e-15);
        assert!((a.view().overlap(a.view()) - 1.0).abs() < 1e-15);
        assert_eq!(a.view().overlap(StateBuf::default().view()), 0.0);
    }

    #[test]
    fn packing_keeps_every_state() {
        let a = StateBuf::from_dense(&[0.0, 3.0, 4.0, 0.0]);
        let empty = StateBuf::default();
        let packed = States::pack(4, [a.view(), empty.view(), a.view()]);
        assert_eq!(packed.len(), 3);
        assert_eq!(packed.get(2), a.view());
        assert_eq!(packed.get(1), empty.view());
        assert_eq!(packed.to_dense()[8..], [0.0, 3.0, 4.0, 0.0]);
    }
}
