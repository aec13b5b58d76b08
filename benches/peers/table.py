"""The table of benches/README.md from the JSON files of benches/run.sh: table.py FOLDER"""

import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
ours = {m["name"]: m for m in json.loads((folder / "stages.json").read_text())["measurements"]}
peers_file = json.loads((folder / "peers.json").read_text())
peers = {m["name"]: m for m in peers_file["measurements"]}
jobs = {name: json.loads((folder / f"{name}-job.json").read_text()) for name in ("paper", "flat")}


def rate(m):
    return m["states_steps_per_second"]


def seconds(m):
    return m.get("seconds", m.get("descent_seconds"))


rows = []
for name in ("trajectories, all 6000 points", "trajectories, 10 starts a map"):
    own = rate(ours[name])
    against = [(p, rate(peers[p])) for p in ("dynamics-numpy-f64", "dynamics-numpy-f32", "dynamics-jax-f32")]
    rows.append((name, f"{own:,.0f} states x steps/s", ", ".join(f"{own / r:.1f} x {p} ({r:,.0f})" for p, r in against)))
for name in ("minima, paper", "minima, kkt"):
    own = seconds(ours[name])
    against = [(p, seconds(peers[p])) for p in ("descent-jax-f32", "descent-jax-f32-support")]
    rows.append((name, f"{own:.3f} s", ", ".join(f"{r / own:.0f} x {p} ({r:.1f} s)" for p, r in against)))
own, other = seconds(ours["weight update"]), seconds(peers["weights-numpy-f64"])
rows.append(("weight update, S = 6000", f"{own:.2f} s", f"{other / own:.1f} x weights-numpy-f64 ({other:.2f} s)"))
for name, job in jobs.items():
    rows.append((f"configs/{name}.toml", f"{job['seconds']:.1f} s, {job['peak_bytes'] / 1e6:.0f} MB", ""))

print("| what | flatscape, f64 | against |\n|---|---|---|")
for row in rows:
    print("| " + " | ".join(row) + " |")
