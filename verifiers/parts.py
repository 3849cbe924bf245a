"""Parts of an experiment by name: a built-in one, an installed plug-in's, or code of one's own.

All kinds of parts are found in one way. A name is, in this order,

    grpo                          a built-in part
    my-plugin                     an entry point of the group `beyond_imitation.<kind>s` of an installed package
    package.module:attribute      an attribute of a module
    path/to/file.py:attribute     an attribute of a file

and what may be named is said in verifiers/plugins.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from verifiers.plugins import ENTRY_POINT_GROUP, load_attribute, suggest
from verifiers.watching import LOADING_PATIENCE, running, watched

KINDS = {  # kind of part -> what the entry points of its plug-ins are called
    "environment": "environments",
    "verifier": "verifiers",
    "reward": "rewards",
    "algorithm": "algorithms",
    "curriculum": "curricula",
    "annotator": "annotators",
    "demonstrator": "demonstrators",
    "selector": "selectors",
    "arm": "arms",
    "backend": "backends",
    "optimizer": "optimizers",
    "metric": "metrics",
    "tracker": "trackers",
    "section": "sections",
}


def group_of(kind: str) -> str:
    """The group of entry points in which plug-ins offer this kind."""
    return f"{ENTRY_POINT_GROUP}{KINDS[kind]}"


def entry_point(kind: str, name: str) -> EntryPoint | None:
    """The entry point that offers `name`; None where no installed package does."""
    return next((point for point in _offered(group_of(kind), tuple(sys.path)) if point.name == name), None)


def plugged_in(kind: str) -> list[str]:
    """Names that installed packages offer."""
    return sorted({point.name for point in _offered(group_of(kind), tuple(sys.path))})


@lru_cache(maxsize=256)
def _offered(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of a group: asked once for a search path, since every package's files are read for it."""
    return tuple(entry_points(group=group))


def is_own(kind: str, name: str, built_in: Iterable[str]) -> bool:
    """True for a name that means a plug-in's part, or code of one's own."""
    return name not in set(built_in) and (":" in name or entry_point(kind, name) is not None)


def find_part(kind: str, name: str, built_in: Mapping[str, Any]) -> Any:
    """What `name` means among the parts of a kind.

    Raises:
        ValueError: nothing of that name; the nearest one is told.
    """
    if name in built_in:
        return built_in[name]
    if ":" in name:
        try:
            return watched(load_attribute(name), kind, name)
        except ValueError as error:
            raise ValueError(f"{kind} {name!r}: {error}") from error
    point = entry_point(kind, name)
    if point is not None:
        return load_entry_point(kind, point)
    names = [*built_in, *plugged_in(kind)]
    known = f"one of {', '.join(names)}, or " if names else ""
    raise ValueError(
        f"unknown {kind} {name!r}{suggest(name, names, most=2)}; expected {known}one of your own: "
        "package.module:attribute or path/to/file.py:attribute"
    )


def load_entry_point(kind: str, point: EntryPoint) -> Any:
    """What an installed package offers under a name."""
    with running(f"{kind} {point.name} ({point.value}), while it is loaded", seconds=LOADING_PATIENCE):
        found = point.load()
    return watched(found, kind, point.name, point.value)


def check_methods(kind: str, name: str, made: Any, methods: Iterable[str], *, attributes: Iterable[str] = ()) -> None:
    """Refuses a part that lacks what its kind must have, when it is made rather than when it is used.

    Raises:
        ValueError: a method or attribute is missing.
    """
    lacking = [f"{m}()" for m in methods if not callable(getattr(made, m, None))]
    lacking += [a for a in attributes if not hasattr(made, a)]
    if lacking:
        raise ValueError(
            f"{kind} {name!r} gave {_shown(made)}, expected an object with {', '.join(lacking)} (docs/plugins.md)"
        )


def _shown(value: Any) -> str:
    """A value as a person would write it; of an object without a form of its own, its class."""
    text = repr(value)
    return f"an object of class {type(value).__name__}" if " at 0x" in text else f"{text:.60} ({type(value).__name__})"
