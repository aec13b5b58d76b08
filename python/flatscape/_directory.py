"""Run directories: reading and checking them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import _flatscape
from ._network import Run

if TYPE_CHECKING:
    import os


def load(directory: str | os.PathLike[str]) -> Run:
    """Reads a run directory, made here by `Run.save` or by ``flatscape optimize``.

    Raises `DataError` naming the file that is missing, damaged, or of another version.
    """
    return Run(_flatscape.Run.load(directory))


def verify(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Checks a run directory as ``flatscape verify`` does: every checksum, and a sample of what is claimed, computed again.

    Raises `DataError` naming the first file that is damaged or contradicts another.
    """
    verified: dict[str, Any] = json.loads(_flatscape.verify(directory))
    return verified
