"""Progress of long calls: through tqdm where it is installed, otherwise a line per stage on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, Union

#: ``progress(stage, of_stage, of_job, seconds_left)``: what is being done, how much of it and of the whole job is done
#: (0 to 1), and an estimate of the time left (s).
Watcher = Callable[[str, float, float, float], object]

#: What the argument ``progress`` of long calls may be: whether to show it, or a function that is told of it.
Progress = Union[bool, Watcher]


@contextlib.contextmanager
def shown(progress: Progress) -> Iterator[Watcher | None]:
    """A watcher that shows what ``progress`` asks for, and takes it away in the end."""
    if progress is False:
        yield None
    elif progress is not True:
        if not callable(progress):
            from ._errors import UsageError

            raise UsageError(
                f"progress = {progress!r}; it is True, False, or a function of stage, of_stage, of_job, seconds_left"
            )
        yield progress
    else:
        bar = _bar()
        if bar is None:
            yield _plain()
            return

        def show(stage: str, of_stage: float, of_job: float, seconds_left: float) -> None:
            bar.set_description_str(f"{stage}, {seconds_left:.0f} s left", refresh=False)
            bar.update(round(100 * of_job) - bar.n)

        try:
            yield show
        finally:
            bar.close()


def _bar() -> Any:
    try:
        import warnings

        with warnings.catch_warnings():
            # In a notebook without widgets the plain bar will do.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm

            return tqdm(total=100, leave=False, bar_format="{l_bar}{bar}| {elapsed}")
    except ImportError:
        return None


def _plain() -> Watcher:
    told: set[str] = set()

    def show(stage: str, of_stage: float, of_job: float, seconds_left: float) -> None:
        if stage not in told:
            told.add(stage)
            print(f"flatscape: {stage}, {100 * of_job:.0f} % done, {seconds_left:.0f} s left", file=sys.stderr)

    return show
