# %% [markdown]
# # A capacity curve
#
# How far bumps drift as a network of 200 neurons stores more and more rings, with and without flattening. For a study use
# `flatscape scan`, which runs overnight on all cores and goes on after whatever stopped it.

# %%
import flatscape as fs
import matplotlib.pyplot as plt
import pandas as pd

rows = []
for maps in (1, 2, 4, 6):
    for seed in (1, 2, 3):
        network = fs.Network(neurons=200, maps=maps, seed=seed, iterations=3, duration_ms=1000.0, starts_per_map=5)
        run = network.flatten()
        for method, drift in [("none", network.measure()), ("flattened", run.measure())]:
            rows.append({"maps": maps, "seed": seed, "method": method, **drift.summary})
trials = pd.DataFrame(rows)
table = trials.groupby(["method", "maps"])[["mean_drift", "score", "own_map_fraction"]].mean()
table.round(2)

# %%
axes = plt.subplots(figsize=(5, 3), layout="constrained")[1]
for method, colour in [("none", fs.plot.BEFORE), ("flattened", fs.plot.AFTER)]:
    own = trials[trials["method"] == method]
    axes.plot(own["maps"], own["mean_drift"], ".", color=colour, alpha=0.5)
    mean = own.groupby("maps")["mean_drift"].mean()
    axes.plot(mean.index, mean, color=colour, label=method)
axes.set(xlabel="maps", ylabel="mean drift in 1 s (neuron units)")
_ = axes.legend(frameon=False)
