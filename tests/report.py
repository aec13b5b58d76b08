"""Checks what a browser made of a page, from its dumped document.

    tests/report.py run|scan PAGE DUMP [DUMP...]     for a run: as opened, then map 1 before, then all maps after 2 updates
"""

import re
import sys
from html.parser import HTMLParser


class Document(HTMLParser):
    """Shapes by plot, links, texts, and what a keyboard reaches."""

    def __init__(self, text):
        super().__init__()
        self.plots, self.links, self.error, self.chosen, self.controls = {}, [], None, "", []
        self.figure = self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.links += [a[key] for key in ("src", "href", "xlink:href", "data", "poster", "action") if key in a]
        self.error = a.get("data-error", self.error) if tag == "html" else self.error
        self.inside = a.get("id")
        if tag in ("select", "input", "summary", "button"):
            assert a.get("tabindex", "0") == "0", f"{tag} is out of a keyboard's reach"
            self.controls.append(tag)
        if tag == "svg":
            self.figure = a.get("id", f"figure {len(self.plots)}")
            self.plots[self.figure] = []
        elif self.figure and (tag == "circle" or {"drawn", "mark", "below"} & set(a.get("class", "").split())):
            self.plots[self.figure].append((tag, a.get("d") or a.get("points") or a.get("height") or a.get("cx")))

    def handle_endtag(self, tag):
        self.figure = None if tag == "svg" else self.figure

    def handle_data(self, text):
        self.chosen += text if self.inside == "chosen" else ""

    def count(self, plot, tag):
        return sum(1 for shape in self.plots[plot] if shape[0] == tag)


def check_run(opened, first, every):
    assert opened.controls[:3] == ["select", "select", "input"] and "summary" in opened.controls, opened.controls
    assert set(opened.plots) == {"landscape", "roughness", "drift", "histogram"}, set(opened.plots)
    assert opened.count("landscape", "path") == 2 and first.count("landscape", "path") == 1
    assert opened.count("roughness", "path") == 2 and opened.count("roughness", "circle") == 2 * 4
    assert opened.count("drift", "path") == opened.count("drift", "circle") == 2 * 10
    assert every.count("drift", "path") == 3 * opened.count("drift", "path")
    assert opened.count("histogram", "rect") >= 4
    for shape in [s for d in (opened, first, every) for plot in d.plots.values() for s in plot]:
        assert shape[1] and "NaN" not in shape[1] and "Infinity" not in shape[1], shape
    assert len({str(d.plots["landscape"]) for d in (opened, first, every)}) == 3, "choosing changes nothing"
    assert len({str(d.plots["drift"]) for d in (opened, first, every)}) == 3, "choosing a map leaves the drift"
    for document, text in [(opened, "Map 0 after 3"), (first, "Map 1 after 0"), (every, "All maps after 2")]:
        assert document.chosen.strip().startswith(text), (document.chosen, text)


def check_scan(document):
    # The trials one by one: eight dots, and two curves of the first of them.
    assert (document.count("trials", "circle"), document.count("trial-landscape", "path")) == (8, 2), document.plots
    averages = {plot: shapes for plot, shapes in document.plots.items() if not plot.startswith("trial")}
    assert len(averages) == 7, list(averages)
    for plot, shapes in averages.items():
        # Two points, and the sample in the legend.
        assert len(shapes) >= 3, (plot, shapes)


def main():
    kind, page, *dumps = sys.argv[1:]
    texts = [open(path, encoding="utf-8").read() for path in [page, *dumps]]
    for text in texts:
        assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text), "the page loads something"
        elsewhere = set(re.findall(r"https?://[^\s\"'<]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not elsewhere, elsewhere
    documents = [Document(text) for text in texts[1:]]
    for document in documents:
        assert document.error is None, f"the script failed: {document.error}"
        assert all(link.startswith(("data:", "#")) for link in document.links), document.links
    {"run": check_run, "scan": check_scan}[kind](*documents)
    print(f"report: the page of a {kind} draws {len(documents[0].plots)} plots, {len(texts[0]) // 1000} kB")


main()
