"""A module in the form of Prime Intellect's `verifiers` library, which rolls out an environment of ours.

It cannot import us, nor we it, since both are called `verifiers`: the module asks another process,
envs/present/remote.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from envs.registry import make

TEMPLATE = Path(__file__).parent / "templates" / "prime.txt"
HOME = Path(__file__).parents[2]


def write_module(path: str | Path, reference: str) -> Path:
    """Writes the module of an environment and returns its path.

    Raises:
        ValueError: no such environment, or a path that is no module's.
    """
    path = Path(path)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(f"{path} is no Python module: expected a name such as my_environment.py")
    make(reference)
    text = TEMPLATE.read_text(encoding="utf-8")
    for mark, value in (
        ("NAME", reference),
        ("MODULE", path.stem),
        ("PYTHON", "PYTHON"),
        ("REFERENCE", repr(reference)),
        ("EXECUTABLE", repr(sys.executable)),
        ("HOME", repr(str(HOME))),
    ):
        text = text.replace(f"@{mark}@", value)
    path.write_text(text, encoding="utf-8")
    return path
