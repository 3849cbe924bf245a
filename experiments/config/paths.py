"""Paths in a config are relative to it: they are made absolute when it is read, so that a run resumes from anywhere.

A path that is not there is looked for in the current folder, and else left as it is: it may be the id of a hub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config.merging import HAVE_PATHS

PATH_KEYS = frozenset({"path", "folder", "comparisons", *HAVE_PATHS})  # settings whose text is a path
_CODE = re.compile(r"([^\s:?&=,]+\.py)(?=:[A-Za-z_])")  # file.py:attribute, also within a reference
_DATA = re.compile(r"^(jsonl|hf|gsm8k|math):([^?]+)")  # environments whose main setting is a path


def anchored(value: Any, folder: Path, place: tuple[str, ...] = ()) -> Any:
    """A config's value with the paths in it absolute.

    Args:
        folder: of the config.
        place: keys under which the value stands.
    """
    if isinstance(value, Mapping):
        return {name: anchored(item, folder, (*place, str(name))) for name, item in value.items()}
    if isinstance(value, list):
        return [anchored(item, folder, place) for item in value]
    if not isinstance(value, str) or "\0" in value or _names_an_arm(place):
        return value
    if place and place[-1] in PATH_KEYS:
        return _found(value, folder)
    text = _CODE.sub(lambda match: _found(match[1], folder), value)
    return _DATA.sub(lambda match: f"{match[1]}:{_found(match[2], folder)}", text)


def _names_an_arm(place: tuple[str, ...]) -> bool:
    """`arms.NAME.policy`, unlike the policy of the study."""
    return len(place) == 3 and place[0] == "arms" and place[2] == "policy"


def _found(text: str, folder: Path) -> str:
    """The path made absolute where it is found; as it is written otherwise."""
    if not text or text.startswith(("/", "~")):
        return text
    for place in (folder, Path.cwd()):
        try:
            if (place / text).exists():
                return str((place / text).resolve())
        except OSError:  # too long to be a path
            return text
    return text
