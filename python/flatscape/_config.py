"""Configurations."""

from __future__ import annotations

import copy
import functools
import inspect
import os
from collections.abc import Mapping
from typing import Any, Union

from . import _flatscape
from ._errors import DataError, FlatscapeError, UsageError

#: What a configuration may be given as: a `Config`, a dictionary, the path of a TOML file, or nothing (all defaults).
ConfigLike = Union["Config", Mapping[str, Any], str, "os.PathLike[str]", None]


@functools.cache
def _keywords() -> dict[str, str]:
    """The key that each keyword means: its own name where it stands first in the table of keys, and its section and name
    joined by underscores."""
    names = [name for name, *_ in _flatscape.keys()]
    keywords: dict[str, str] = {}
    for name in names:
        keywords.setdefault(name.rpartition(".")[2], name)
    keywords.update((name.replace(".", "_"), name) for name in names)
    return keywords


def _shortest() -> dict[str, str]:
    """The shortest keyword of every key."""
    return {name: keyword for keyword, name in reversed(_keywords().items())}


class Config:
    """A configuration: ``Config(neurons=600, maps=10, seed=1)``, ``Config("paper.toml")``, ``Config({"network": {...}})``.

    Every key of ``configs/REFERENCE.md`` is a keyword of the same name and default. A name that two sections have (``maps``)
    means the first of them (``network.maps``); with the section in front (``scan_maps``) it means the other. ``maps`` may
    also be a list of dictionaries: the ``[[maps]]`` tables. Keywords change what a file or a dictionary says; a keyword that
    is ``None`` is left out. ``flatscape.Config.describe()`` prints all keys.

    Values are read as ``config["network.neurons"]`` or ``config.neurons``; ``None`` where a key has no value of its own.

    Raises `UsageError` for an unknown key, with the nearest one, or a value that is not allowed, with what is.
    """

    __slots__ = ("_core",)

    _core: _flatscape.Config

    def __init__(self, source: ConfigLike = None, /, **keys: Any) -> None:
        core = _source(source)
        if keys or core is None:
            table = {} if core is None else core.to_dict()
            for keyword, value in keys.items():
                _put(table, keyword, value)
            core = _flatscape.Config.from_table(table)
        self._core = core

    @classmethod
    def from_toml(cls, text: str, **keys: Any) -> Config:
        """From the text of a TOML file; relative paths in it start at the working directory."""
        return _of(_flatscape.Config.parse(text, "TOML")).replace(**keys)

    def replace(self, **keys: Any) -> Config:
        """The same with other values."""
        return Config(self, **keys)

    def to_toml(self) -> str:
        """As a TOML file, every key written out."""
        return self._core.to_toml()

    def to_dict(self) -> dict[str, Any]:
        """As a dictionary of sections."""
        return self._core.to_dict()

    @staticmethod
    def describe() -> None:
        """Prints every key: its default, what it may be, what it is for."""
        for name, allowed, unset, about, default in _flatscape.keys():
            shown = unset or "none" if default is None else repr(default)
            print(f"{name} = {shown}\n    {about} It is {allowed}.")

    def __getitem__(self, name: str) -> Any:
        if name not in _keywords().values() and name != "maps":
            # The message is the program's.
            _flatscape.Config.from_table(_nested(name, 0))
        value: Any = self._core.to_dict()
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def __getattr__(self, name: str) -> Any:
        if name in _keywords():
            return self[_keywords()[name]]
        raise AttributeError(f"a configuration has no key {name!r}; flatscape.Config.describe() prints all keys")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_keywords()]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self._core == other._core

    def __hash__(self) -> int:
        return hash(self.to_toml())

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (_flatscape.__version__, self.to_toml())

    def __repr__(self) -> str:
        keywords = _shortest()
        values = {name: self[name] for name in keywords}
        changed = {keywords[name]: values[name] for name, *_, default in _flatscape.keys() if values[name] != default}
        if self["maps"] is not None:
            changed["maps"] = self["maps"]
        return "Config(" + ", ".join(f"{name}={value!r}" for name, value in changed.items()) + ")"


def _source(source: ConfigLike) -> _flatscape.Config | None:
    if source is None:
        return None
    if isinstance(source, Config):
        return source._core
    if isinstance(source, Mapping):
        table: dict[str, Any] = {}
        for name, value in source.items():
            _put(table, name, value)
        return _flatscape.Config.from_table(table)
    if isinstance(source, (str, os.PathLike)):
        return _flatscape.Config.load(os.fspath(source))
    raise UsageError(
        f"Config: {type(source).__name__} is not a configuration; pass keywords, a dictionary, or the path of a TOML file"
    )


def _of(core: _flatscape.Config) -> Config:
    config = Config.__new__(Config)
    config._core = core
    return config


def _nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    return dict(value)


def _put(table: dict[str, Any], keyword: Any, value: Any) -> None:
    """Puts a value into the nested table, where its keyword, its dotted name or its section says."""
    if value is None or not isinstance(keyword, str):
        if value is not None:
            raise UsageError(f"Config: {keyword!r} is not the name of a key; names are strings")
        return
    groups = keyword == "maps" and isinstance(value, (list, tuple)) and any(isinstance(v, Mapping) for v in value)
    if isinstance(value, Mapping) or groups:
        name = keyword
    else:
        name = _keywords().get(keyword, keyword)
    if isinstance(value, Mapping):
        section = table.setdefault(name, {})
        if not isinstance(section, dict):
            section = table[name] = {}
        for own, inner in copy.copy(value).items():
            _merge(section, own, inner)
        return
    here = table
    *sections, own = name.split(".")
    for part in sections:
        inner = here.setdefault(part, {})
        here = inner if isinstance(inner, dict) else here
    here[own] = list(value) if groups else value


def _merge(section: dict[str, Any], own: Any, inner: Any) -> None:
    if isinstance(inner, Mapping) and isinstance(section.get(own), dict):
        for name, value in inner.items():
            _merge(section[own], name, value)
    else:
        section[own] = dict(inner) if isinstance(inner, Mapping) else inner


def _unpickle(version: str, text: str) -> Config:
    try:
        return _of(_flatscape.Config.parse(text, "pickled configuration"))
    except FlatscapeError as error:
        raise DataError(
            f"{error}; it was pickled by flatscape {version}, this is {_flatscape.__version__}: use that version, or a newer one"
        ) from None


def _signature() -> inspect.Signature:
    """What a notebook offers for completion: every key by its shortest keyword."""
    source = inspect.Parameter("source", inspect.Parameter.POSITIONAL_ONLY, default=None)
    defaults = {name: default for name, *_, default in _flatscape.keys()}
    keyword = inspect.Parameter.KEYWORD_ONLY
    keys = [inspect.Parameter(word, keyword, default=defaults[name]) for name, word in _shortest().items()]
    return inspect.Signature([source, *keys])


Config.__signature__ = _signature()  # type: ignore[attr-defined]
