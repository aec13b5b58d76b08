"""The live page does what the program does: places bumps by mouse and keys, and holds their ends against its trajectories.

    tests/live.py PAGE DRIFT EVERY TORUS TORUS_DRIFT LARGE SHOTS
        PAGE: of a run of 120 neurons on rings; DRIFT: its drift.csv; EVERY: the same with a start at every position;
        TORUS, TORUS_DRIFT: the same of tori of 14 x 14; LARGE: a page of 600 neurons; SHOTS: a folder
"""

import csv
import os
import re
import statistics
import sys
import tempfile

from browser import Browser

NEURONS = 120
SIDE = 14
NETWORKS = {"before": "none", "after": "flattened"}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def distance(a, b, length=NEURONS):
    return abs((a - b + length / 2) % length - length / 2)


class Page(Browser):
    """The live page, and what a person does with it."""

    def __init__(self, path, engine):
        super().__init__(gpu=engine == "WebGPU")
        self.open(path, "#engine=script" if engine == "JavaScript" else "")
        root = "document.documentElement.dataset"
        self.wait(f"{root}.ready || {root}.error")
        ready = self.value(f"{root}.ready")
        assert ready and ready.startswith(engine), f"the page runs by {ready}, not {engine}: {self.value(root + '.error')}"

    def click(self, element):
        self.value(f"document.getElementById('{element}').click()")

    def set(self, element, value, event="input"):
        self.value(f"(() => {{ const e = document.getElementById('{element}'); e.value = {value}; e.dispatchEvent(new Event('{event}')); }})()")

    def text(self, element):
        return self.value(f"document.getElementById('{element}').textContent").replace("\u2212", "-")

    def number(self, element):
        return float(self.text(element))

    def point(self, network, place):
        """A point of a map's canvas in the window; `place` computes it from the size of the box b."""
        return self.value(
            f"(() => {{ const c = document.getElementById('{network}-map'); c.scrollIntoView({{ block: 'center' }});"
            f" const b = c.getBoundingClientRect(); const [x, y] = {place}; return [b.left + x, b.top + y]; }})()"
        )

    def on_ring(self, network, position):
        """Where a position of the ring lies in the window."""
        return self.point(
            network,
            f"(() => {{ const f = ringFrame(b.width, b.height), a = 2 * Math.PI * {position} / view.length;"
            " return [f.x + f.radius * Math.sin(a), f.y - f.radius * Math.cos(a)]; })()",
        )

    def on_sheet(self, network, place):
        """Where a site of the torus lies in the window."""
        return self.point(
            network,
            f"(() => {{ const f = view.frame(b.width, b.height); return [f.left + f.unit * ({place[0]} + 0.5), f.bottom - f.unit * ({place[1]} + 0.5)]; }})()",
        )

    def press(self, point):
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, *point)

    def until_rest(self, clock):
        self.wait(f"document.getElementById('play').textContent === 'Play' && shown.complete && !shown.dirty && document.getElementById('clock').textContent === '{clock}'")

    def at_ease(self):
        assert not self.complaints, self.complaints


def ends_of(every, start):
    """Where the program's two trajectories from a position of map 0 end, by their population vector."""
    ends = {}
    for name, which in NETWORKS.items():
        row = next(r for r in every if r["network"] == which and int(r["map"]) == 0 and int(r["start"]) == start)
        ends[name] = start + float(row["phase_displacement"])
    return ends


def ends_equal_the_programs(page, every):
    """A bump placed by mouse ends where the program's trajectory from there ends."""
    apart = {start: distance(*ends_of(every, start).values()) for start in range(NEURONS)}
    # Starts that tell the two networks apart: were both one, or the wrong way round, this would be seen.
    telling = [start for start in range(NEURONS) if apart[start] > 1]
    for network, start in [("before", telling[0]), ("after", telling[len(telling) // 2])]:
        page.set("until", 1)
        page.press(page.on_ring(network, start))
        page.until_rest("1.000 s")
        assert page.value("shown.starts[0][0]") == start, f"a click at {start} placed {page.value('shown.starts[0][0]')}"
        for name, end in ends_of(every, start).items():
            found = page.number(f"{name}-phase")
            # What the project asks for; single precision moves an end by about 1e-4 units, and two decimals are shown.
            assert distance(found, end) < 0.5, f"{name}, start {start}: {found}, not {end}"


def own_drift(drift, network):
    """The run's mean drift on map 0."""
    return statistics.mean(abs(float(r["displacement"])) for r in drift if r["network"] == network and int(r["map"]) == 0)


def slider_gives_the_runs_drift(page, drift):
    """At 1 the page's mean drift is the run's, at 0 that of the network before flattening."""
    page.set("until", 1)
    for part, which in [(0, "none"), (1, "flattened")]:
        page.set("part", part)
        page.click("starts")
        page.until_rest("1.000 s")
        for name, network in [("before", "none"), ("after", which)]:
            expected = own_drift(drift, network)
            # One bump of ten that single precision takes to the next of two equal scores.
            assert abs(page.number(f"{name}-mean") - expected) <= 0.1 + 0.005, f"{name}, part {part}: {page.text(name + '-mean')}, not {expected}"
    before, after = (own_drift(drift, network) for network in NETWORKS.values())
    assert abs(before - after) > 1, "flattening does nothing here: this test sees nothing"


def torus_ends_equal_the_programs(page, drift):
    """The same on tori."""
    own = [r for r in drift if int(r["map"]) == 0]
    page.set("until", 1)
    for network in NETWORKS:
        rows = {n: next(r for r in own if r["network"] == w) for n, w in NETWORKS.items()}
        start = [int(rows[network][f"start_{axis}"]) for axis in "xy"]
        page.press(page.on_sheet(network, start))
        page.until_rest("1.000 s")
        assert page.value("shown.starts[0]") == start, f"a click at {start} placed {page.value('shown.starts[0]')}"
        for w, (name, row) in enumerate(rows.items()):
            moved, expected = page.number(f"{name}-moved"), float(row["phase_displacement"])
            assert abs(moved - expected) < 0.5, f"{name}, start {start}: moved {moved}, not {expected}"
            end = page.value(f"Array.from(shown.found[{w}].locations.subarray(0, 2))")
            # Single precision may take the next of two equal scores.
            assert all(distance(end[d], float(row[f"end_{axis}"]), SIDE) <= 1 for d, axis in enumerate("xy")), (end, row)


def torus_keys(page):
    page.set("bumps", 0)
    page.value("document.getElementById('before-map').focus()")
    x, y = page.value("asked.place")
    for key in ["ArrowRight", "ArrowRight", "ArrowUp", "Enter"]:
        page.key(key)
    page.wait(f"shown.starts.length === 1 && shown.starts[0].join() === '{(x + 2) % SIDE},{(y + 1) % SIDE}'")
    assert page.value("document.getElementById('before-map').getAttribute('aria-valuetext')") == f"position {(x + 2) % SIDE}, {(y + 1) % SIDE}"


# All that a keyboard reaches, in its order.
CONTROLS = ["play", "step", "again", "starts", "until", "map", "other", "engine", "part", "speed", "noise", "bumps", "before-map", "after-map", "Numbers"]


def a_screen_reader_is_told(page):
    """Every control has a name, every drawing a text, sliders tell their values in words, and one line alone is read out."""
    nodes = [node for node in page.accessible() if node["role"] not in ("RootWebArea", "option", "MenuListPopup")]
    nameless = [node for node in nodes if node["focusable"] and not node["name"]]
    assert not nameless, nameless
    drawings = page.value("document.querySelectorAll('canvas').length")
    names = [node["name"] for node in nodes if node["role"] == "image" or "map, " in node["name"]]
    assert len(set(names)) == drawings and "" not in names, names
    sliders = {node["name"]: node["description"] for node in nodes if node["role"] == "slider"}
    assert len(sliders) == 6 and "Enter drops a bump" in sliders["Ring of the chosen map, after flattening"], sliders
    page.set("bumps", 2)
    # Chromium's tree has the numbers of sliders alone, not what is said in their place.
    words = page.value("[...document.querySelectorAll('input[type=range], [role=slider]')].map((e) => e.getAttribute('aria-valuetext'))")
    assert len(words) == 6 and words[3:5] == ["100", f"position {page.value('asked.place[0]')}"] and None not in words, words
    assert [node["role"] for node in nodes if node["live"] != "off"] == ["status"], [n for n in nodes if n["live"] != "off"]

    # What is read out of a run: the start and the end, not every frame.
    page.set("bumps", 0)
    page.set("until", 0.1)
    page.value("(() => { said = []; new MutationObserver(() => said.push(document.getElementById('status').textContent)).observe(document.getElementById('status'), { childList: true }); })()")
    page.press(page.on_ring("before", 30))
    page.until_rest("0.100 s")
    said = page.value("said")
    # On a busy machine the page may still be telling of the bump before.
    assert len(said) <= 3 and said[-2] == "A bump at position 30 in map 0." and said[-1].startswith("After 0.100 s the bump has drifted"), said


def tab_reaches_every_control(page):
    page.value("document.getElementById('play').focus()")
    reached = ["play"]
    while len(reached) < 30:
        page.key("Tab")
        at = page.value("document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.tagName")
        if at == "BODY":
            break
        reached.append(at)
    assert reached == [*CONTROLS, "SUMMARY", "SUMMARY"], reached


def keys_do_what_the_mouse_does(page):
    page.set("bumps", 0)
    page.value("document.getElementById('after-map').focus()")
    at = int(page.value("document.getElementById('after-map').getAttribute('aria-valuenow')"))
    for key in ["PageUp", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter"]:
        page.key(key)
    page.wait(f"shown.starts.length === 1 && shown.starts[0][0] === {(at + 11) % NEURONS}")
    assert page.value("asked.playing"), "a bump that is dropped runs"
    page.click("play")
    steps = page.value("shown.steps")
    page.click("step")
    page.wait(f"shown.steps === {steps} + 1")


def a_cue_pulls_the_bump(page):
    page.set("until", 1)
    page.click("again")
    page.press(page.on_ring("after", 60))
    page.until_rest("1.000 s")
    page.set("until", 5)
    from_place = page.number("after-phase")
    page.mouse("mousePressed", *page.on_ring("after", from_place))
    for ahead in range(2, 11, 2):
        page.mouse("mouseMoved", *page.on_ring("after", from_place + ahead))
    page.wait("shown.steps > 5000 + 1500")
    page.mouse("mouseReleased", *page.on_ring("after", from_place + 10))
    moved = (page.number("after-phase") - from_place + NEURONS / 2) % NEURONS - NEURONS / 2
    assert moved > 5, f"a cue 10 units ahead moved the bump by {moved}"
    assert page.value("asked.cue === null"), "the cue ends with the press"
    page.click("play")


def noise_can_be_had_again(page):
    page.set("until", 0.2)
    page.set("noise", -1)
    ends = []
    for _ in range(2):
        page.click("again")
        page.wait("shown.steps === 0")
        page.click("play")
        page.until_rest("0.200 s")
        ends.append([page.text(f"{n}-phase") for n in NETWORKS])
    page.set("noise", -3.1)
    page.click("again")
    page.wait("shown.steps === 0")
    page.click("play")
    page.until_rest("0.200 s")
    quiet = [page.text(f"{n}-phase") for n in NETWORKS]
    assert ends[0] == ends[1] and ends[0] != quiet, (ends, quiet)


def worker_seconds(browser):
    """Processor time of the workers' threads of a browser so far."""
    def fields(path):
        with open(path) as file:
            return file.read().rsplit(")", 1)[1].split()

    family, seconds = {browser}, 0.0
    for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
        try:
            if pid in family or int(fields(f"/proc/{pid}/stat")[1]) in family:
                family.add(pid)
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/comm") as file:
                        if file.read().startswith("DedicatedWorker"):
                            user, system = fields(f"/proc/{pid}/task/{task}/stat")[11:13]
                            seconds += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended meanwhile.
    return seconds


def frames_fit_the_budget(path):
    """Script a frame at 600 neurons with 100 bumps, of the page and of each of the two workers; aimed at are 8 ms. Only told: a
    busy machine's caches make it slower, and 1.5 and 5 ms were measured on a quiet one."""
    page = Page(path, "JavaScript")
    page.value(
        "(() => { const plain = draw; times = [];"
        " draw = () => { const begun = performance.now(); plain(); times.push(performance.now() - begun); }; })()"
    )
    page.set("bumps", 2)
    page.set("until", 1000)
    page.click("play")
    # The first frames, in which the browser compiles, do not count.
    page.wait("times.length >= 20")
    begun, first = worker_seconds(page.process.pid), page.value("times.length")
    page.wait(f"times.length >= {first + 60}")
    ended, last = worker_seconds(page.process.pid), page.value("times.length")
    drawing, worker = statistics.median(page.value("times")[first:last]), 1000 * (ended - begun) / 2 / (last - first)
    print(f"live: script a frame, 600 neurons, 100 bumps: page {drawing:.1f} ms, each worker {worker:.1f} ms of processor time")
    assert drawing > 0 and worker > 0.1, "no worker's thread was found"
    page.at_ease()
    page.close()


def nothing_foreign_runs(path):
    """Neither a script nor a handler that data might bring runs, nor does the page's own script once it is changed."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r"<script.*?</script>", "", text, flags=re.S)), "a handler in the markup"
    foreign = "<script>document.documentElement.dataset.foreign = 1</script><img src=data:, onerror='document.documentElement.dataset.foreign = 2'>"
    for change, ready in [(text.replace("</main>", foreign + "</main>"), True), (text.replace("listen();\n", "listen( );\n"), False)]:
        assert change != text
        with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as file:
            file.write(change)
        page = Browser()
        page.open(file.name, "#engine=script")
        root = "document.documentElement.dataset"
        if ready:
            page.wait(f"{root}.ready")
        page.until_complaint("Content Security Policy")
        assert ready or page.value(f"{root}.ready === undefined"), "a changed script ran"
        assert page.value(f"{root}.foreign === undefined"), "a foreign script ran"
        page.close()
        os.unlink(file.name)


def look(page, folder, name):
    shots = {}
    for width in (1200, 400):
        for scheme in ("light", "dark"):
            shots[width, scheme] = os.path.join(folder, f"{name}-{width}-{scheme}.png")
            page.screenshot(shots[width, scheme], (width, 1000), scheme == "dark")
            assert page.value("document.documentElement.scrollWidth <= window.innerWidth"), f"the page is wider than {width} pixels"
        light, dark = (open(shots[width, scheme], "rb").read() for scheme in ("light", "dark"))
        assert light != dark, "light and dark look the same"


def main():
    path, drift, every, torus, torus_drift, large, shots = sys.argv[1:]
    drift, every, torus_drift = rows(drift), rows(every), rows(torus_drift)
    assert os.path.getsize(large) <= 6e6, f"{os.path.getsize(large)} bytes at 600 neurons"
    nothing_foreign_runs(path)
    for engine in ("JavaScript", "WebGPU"):
        page = Page(path, engine)
        for order in ("speed", 3.5), ("part", 1):
            page.set(*order)
        ends_equal_the_programs(page, every)
        if engine == "JavaScript":
            slider_gives_the_runs_drift(page, drift)
            a_screen_reader_is_told(page)
            tab_reaches_every_control(page)
            keys_do_what_the_mouse_does(page)
            a_cue_pulls_the_bump(page)
            noise_can_be_had_again(page)
            look(page, shots, "ring")
        page.at_ease()
        page.close()
        page = Page(torus, engine)
        page.set("speed", 3.5)
        torus_ends_equal_the_programs(page, torus_drift)
        slider_gives_the_runs_drift(page, torus_drift)
        torus_keys(page)
        if engine == "JavaScript":
            look(page, shots, "torus")
        page.at_ease()
        page.close()
        print(f"live: bumps placed by mouse end where the program's do, on rings and tori, by {engine}")
    frames_fit_the_budget(large)


main()
