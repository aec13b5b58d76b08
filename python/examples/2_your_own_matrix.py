# %% [markdown]
# # Your own matrix
#
# Weights that were measured, trained or made elsewhere, the place of every neuron in every map, and the external current. Here
# they come from NumPy: two rings of 300 neurons, each with a Gaussian of the distance and uniform inhibition, and some noise on top.

# %%
import numpy as np
import flatscape as fs
import matplotlib.pyplot as plt

rng = np.random.default_rng(7)
neurons, maps = 300, 2
positions = np.array([rng.permutation(neurons) for _ in range(maps)])
distance = positions[:, :, None] - positions[:, None, :]
distance = np.minimum(distance % neurons, -distance % neurons)
weights = (1.33 * np.exp(-((distance / 7.5) ** 2) / 2) - 0.4152).sum(axis=0)
noise = 0.01 * rng.standard_normal((neurons, neurons))
weights += (noise + noise.T) / 2
np.fill_diagonal(weights, 0)

# %%
network = fs.Network.from_arrays(positions=positions, weights=weights, external_current=100.0, iterations=6)
run = network.flatten()
run

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
fs.plot.landscape(run, ax=left)
_ = fs.plot.roughness(run, ax=right)

# %% [markdown]
# What was added to the weights is small, and symmetric:

# %%
change = run.weight_change
print(f"SD of the weights {weights.std():.3f} Hz, of the change {change.std():.4f} Hz")
run.records.to_pandas()[["iteration", "energy_sd", "heldout_sd", "bumps_lost"]]
