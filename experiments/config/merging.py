"""Laying one part of a config over another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

HAVE_PATHS = ("policy", "student")  # sections whose short form is a path; that of others is a name
OTHER_MODEL = {"path": "tiny", "tiny": "path"}  # of such a section: the key that a new model takes the place of


def merge(base: Mapping[str, Any], over: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """`base` with `over` on top: mappings merge key by key, everything else replaces.

    A nested mapping that names another component (`name`) or kind of arm (`method`) replaces the old one, whose
    settings would not fit. A setting laid over a short form (`curriculum: learnability`) joins it, and so it joins the
    settings of a component that was read already (`{name: ..., settings: {...}}`). A model by path takes the place of
    a tiny one, and the other way round.

    Args:
        place: the key under which both stand.
    """
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        if isinstance(old, str) and isinstance(value, Mapping):
            old = {"method" if place == "arms" else "path" if key in HAVE_PATHS else "name": old}
        if _is_resolved_component(old) and isinstance(value, Mapping) and "settings" not in value:
            old = {"name": old["name"], **old["settings"]}
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            out[key] = dict(value) if _names_another(old, value) else merge(old, value, key)
        else:
            out[key] = value
    if place in HAVE_PATHS:
        for key, other in OTHER_MODEL.items():
            if over.get(key) is not None and other not in over:
                out.pop(other, None)
    return out


def _is_resolved_component(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and set(value) == {"name", "settings"} and isinstance(value["settings"], Mapping)


def _names_another(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if "name" in new and new["name"] != old.get("name"):
        return True
    return "method" in new and new["method"] != old.get("method", new["method"])
