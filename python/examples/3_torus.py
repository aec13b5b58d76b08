# %% [markdown]
# # A torus, and rates for topology tools
#
# Two maps of a 20 × 20 torus in 400 neurons. A single map would lie flat on its own lattice; a second one makes its landscape rough.

# %%
import numpy as np
import flatscape as fs
import matplotlib.pyplot as plt

tori = {"shape": "torus", "count": 2, "sides": [20, 20]}
network = fs.Network(maps=[tori], iterations=2, ridge=1e-3, ridge_decay=0.5)
run = network.flatten()
run

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
fs.plot.landscape(run, ax=left)
bump = run.minima.rates(0)[210]
_ = fs.plot.rates(network, bump, ax=right)

# %% [markdown]
# Bumps along a path that winds around the torus, each let go for 30 ms. The rates `[T, N]` are what persistent homology packages
# (ripser, giotto-tda) take; a torus of narrow bumps fills many principal components.

# %%
path = np.array([[t % 20, (0.35 * t) % 20] for t in np.linspace(0, 60, 400)])
settled = run.simulate(network.bump([0] * len(path), path), 30.0)[:, 0]
centred = settled - settled.mean(axis=0)
components = np.linalg.svd(centred, full_matrices=False)
share = components.S**2 / (components.S**2).sum()
print(settled.shape, "variance of the first six components:", np.round(share[:6], 2))
