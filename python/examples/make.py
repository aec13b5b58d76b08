"""Writes the notebooks from their cells and runs them: python examples/make.py [NAME...]."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def cells(text: str) -> list[nbformat.NotebookNode]:
    """Cells of a script: those that begin with ``# %% [markdown]`` are text, those that begin with ``# %%`` are code."""
    made = []
    for part in text.split("# %%")[1:]:
        head, _, body = part.partition("\n")
        if "markdown" in head:
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines()]
            made.append(nbformat.v4.new_markdown_cell("\n".join(lines)))
        else:
            made.append(nbformat.v4.new_code_cell(body.strip()))
    for index, cell in enumerate(made):
        # Ids that do not change with every run.
        cell["id"] = f"cell-{index}"
    return made


def make(script: Path) -> nbformat.NotebookNode:
    """The notebook of a script, run in a directory of its own."""
    notebook = nbformat.v4.new_notebook(cells=cells(script.read_text()))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata.pop("language_info", None)
    return notebook


if __name__ == "__main__":
    names = sys.argv[1:] or [script.stem for script in sorted(HERE.glob("[0-9]*.py"))]
    for name in names:
        nbformat.write(make(HERE / f"{name}.py"), HERE / f"{name}.ipynb")
        print(f"{name}.ipynb")
