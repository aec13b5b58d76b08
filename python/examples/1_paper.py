# %% [markdown]
# # The paper in ten lines
#
# Ten ring maps in one network of 600 neurons (Agmon & Burak, NeurIPS 2023). The landscape along each is rough until a small
# symmetric change of the weights makes all of them flat.

# %%
import flatscape as fs
import matplotlib.pyplot as plt

network = fs.Network(neurons=600, maps=10, seed=1)
run = network.flatten()
before, after = network.measure(), run.measure()
run

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
fs.plot.landscape(run, map=2, ax=left)
_ = fs.plot.drift(before, after, labels=["before", "after"], ax=right)

# %% [markdown]
# A bump that is started at position 30 of map 2, in both networks: where it is after one, two and three seconds.

# %%
start = network.bump(2, 30)
for name, weights in [("before", network.weights), ("after", run.weights)]:
    rates = network.simulate(start, times_ms=[1000, 2000, 3000], weights=weights)
    print(name, network.decode(rates)["position"][:, 0])
