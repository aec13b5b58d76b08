#!/usr/bin/env bash
# Writes the static site: README and notes as pages, the reference of all commands, and a live page and a report for each
# configuration. Then checks its links. Nothing of it needs a server.
#   docs/build.sh PATH_TO_FLATSCAPE OUT [CONFIG...]     without CONFIG: rings, tori, and rings past capacity, a few minutes
set -euo pipefail
flatscape=$(realpath "$1")
out=$(realpath -m "$2")
shift 2
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- configs/paper.toml configs/torus-flat.toml configs/past-capacity.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

{ echo "<style>"; cat docs/style.css; echo "</style>"; } > "$work/head.html"
: > "$work/live.html"
: > "$work/reports.html"
for config in "$@"; do
    name=$(basename "$config" .toml)
    "$flatscape" live "$config" --out "$work/$name" --no-open --quiet
    "$flatscape" report "$work/$name" --quiet
    cp "$work/$name/live.html" "$out/$name-live.html"
    cp "$work/$name/report.html" "$out/$name-report.html"
    echo "<a href=\"ROOT/$name-live.html\">$name</a>" >> "$work/live.html"
    echo "<a href=\"ROOT/$name-report.html\">$name</a>" >> "$work/reports.html"
done
{
    echo '<nav><p><a href="ROOT/index.html">flatscape</a> <a href="ROOT/reference.html">Commands</a></p>'
    echo "<p>Live: $(cat "$work/live.html")</p> <p>Reports: $(cat "$work/reports.html")</p></nav>"
} > "$work/nav.html"

# page FILE.md FOLDER: a Markdown file as a page of the site; links to other Markdown files lead to their pages.
page() {
    local root=. name
    name=$(basename "$1" .md)
    case "$2" in .) ;; */*) root=../.. ;; *) root=.. ;; esac
    sed "s|ROOT|$root|g" "$work/nav.html" > "$work/nav-here.html"
    rustdoc "$1" -o "$out/$2" --markdown-no-toc --html-in-header "$work/head.html" --html-before-content "$work/nav-here.html"
    sed -i 's|\(href="[^":]*\)\.md\(["#]\)|\1.html\2|g' "$out/$2/$name.html"
}

{
    echo "# Commands"
    "$flatscape" --help > "$work/help.txt"
    printf '\n```text\n%s\n```\n' "$(cat "$work/help.txt")"
    sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p' "$work/help.txt" | grep -vx help > "$work/commands.txt"
    while read -r command; do
        printf '\n## flatscape %s\n\n```text\n%s\n```\n' "$command" "$("$flatscape" "$command" --help)"
    done < "$work/commands.txt"
} > "$work/reference.md"
page "$work/reference.md" .
find . -name '*.md' -not -path './target/*' -not -path './runs/*' -printf '%P\n' | while read -r file; do
    page "$file" "$(dirname "$file")"
done
# What the pages show or link to beside each other.
find . -name '*.md' -not -path './target/*' -not -path './runs/*' -printf '%P\n' | while read -r file; do
    { grep -oE '\]\([^)#: ]+' "$file" || true; } | cut -c3- | while read -r target; do
        target=$(realpath -m --relative-to=. "$(dirname "$file")/$target")
        case "$target" in *.md | ../*) ;; *) if [ -f "$target" ]; then install -D -m 644 "$target" "$out/$target"; fi ;; esac
    done
done
cp "$out/README.html" "$out/index.html"
python3 docs/links.py "$out"
