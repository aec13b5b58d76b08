"""Checks that every link of a static site leads somewhere: to a file of the site, and to a place in it.

    docs/links.py SITE
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Links(HTMLParser):
    """What a page links to, and the places in it."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.places = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.targets += [a[key] for key in ("href", "src") if a.get(key)]
        self.places.update(a[key] for key in ("id", "name") if a.get(key))


def main():
    site = Path(sys.argv[1]).resolve()
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    broken, count = [], 0
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue  # Elsewhere: not part of the site.
            count += 1
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not to.is_file() or not to.is_relative_to(site):
                broken.append(f"{path.relative_to(site)}: {target} is not there")
            elif parts.fragment and parts.fragment not in pages[to].places:
                broken.append(f"{path.relative_to(site)}: {target} has no such place")
    if broken or not count:
        sys.exit("\n".join(["docs/links.py: the site is not whole", *broken]))
    print(f"docs: {len(pages)} pages, {count} links that lead somewhere")


main()
