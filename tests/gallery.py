"""A click on a trial's dot shows that trial's landscape, in headless Chromium.

    tests/gallery.py SCAN SHOTS     SCAN: the directory of a scan with its report.html and its landscapes; SHOTS: a folder
"""

import json
import os
import re
import statistics
import sys

from browser import Browser


def record(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)["record"]


def landscapes(scan):
    """By the trial's name: points a map, and energies [before and after][maps][points] (Hz^3)."""
    found = {}
    for name in os.listdir(os.path.join(scan, "trials")):
        kept = record(os.path.join(scan, "landscapes", name))
        maps, points = kept["maps"], kept["points"]
        rows = [kept["energies"][start : start + points] for start in range(0, 2 * maps * points, points)]
        found[record(os.path.join(scan, "trials", name))["id"]] = [rows[:maps], rows[maps:]]
    return found


def shown(page):
    """What the line below the plot says: the trial's name, the map, and the roughness before and after (Hz^3)."""
    said = page.value("document.getElementById('trial-said').textContent")
    name, chosen, *sds = re.fullmatch(r"(\S+), map (\d+): SD (\S+) Hz\u00b3 before, (\S+) after\.", said).groups()
    digits = str.maketrans("\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "-0123456789")
    return name, int(chosen), [float(sd.replace("\u00b710", "e").translate(digits)) for sd in sds]


def expect(page, name, chosen, energies):
    found, map_shown, sds = shown(page)
    assert (found, map_shown) == (name, chosen), (found, map_shown)
    for end, sd in enumerate(sds):
        own = statistics.pstdev(energies[end][chosen])
        # Three digits are shown.
        assert abs(sd - own) <= 0.005 * own + 1e-6, f"{name}, map {chosen}: {sd}, not {own}"
    # A curve has as many corners as points.
    curves = page.value("[...document.querySelectorAll('#trial-landscape path.drawn')].map((p) => p.getAttribute('d'))")
    assert [d.count("L") + 1 for d in curves] == [len(end[chosen]) for end in energies], name


def main():
    scan, shots = sys.argv[1:]
    kept = landscapes(scan)
    page = Browser()
    page.open(os.path.join(scan, "report.html"))
    names = page.value("[...document.querySelectorAll('#trials circle')].map((c) => c.textContent)")
    assert sorted(names) == sorted(kept) and len(names) > 1, names
    for k, name in reversed(list(enumerate(names))):
        # The dots are drawn anew at every click.
        x, y = page.value(
            f"(() => {{ const c = document.querySelectorAll('#trials circle')[{k}]; c.scrollIntoView({{ block: 'center' }});"
            " const b = c.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            page.mouse(kind, x, y)
        expect(page, name, 0, kept[name])
        assert page.value("document.getElementById('trial').selectedOptions[0].textContent") == name
    # The same by the lists, which a keyboard reaches: the last trial of the most maps, and its last map.
    name, maps = max(((name, len(kept[name][0])) for name in names), key=lambda pair: pair[1])
    page.value(f"(() => {{ const e = document.getElementById('trial'); e.value = {names.index(name)}; e.dispatchEvent(new Event('change')); }})()")
    page.value(f"(() => {{ const e = document.getElementById('trial-map'); e.value = {maps - 1}; e.dispatchEvent(new Event('change')); }})()")
    expect(page, name, maps - 1, kept[name])
    for width in (1200, 400):
        for scheme in ("light", "dark"):
            page.screenshot(os.path.join(shots, f"gallery-{width}-{scheme}.png"), (width, 1000), scheme == "dark")
            assert page.value("document.documentElement.scrollWidth <= window.innerWidth"), f"the page is wider than {width} pixels"
    nameless = [node for node in page.accessible() if node["focusable"] and not node["name"]]
    assert not nameless, nameless
    assert not page.complaints, page.complaints
    page.close()
    print(f"report: a click on each of {len(names)} dots shows that trial's landscape")


main()
