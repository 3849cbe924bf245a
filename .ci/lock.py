"""Prints requirements.lock: the installed version of everything that this project needs, extras included.

python .ci/lock.py > requirements.lock          in the environment of `make test`

What setup.cfg asks for and this environment lacks (an extra that was not installed) is named on standard error:
the lock would lose it.
"""

from __future__ import annotations

import configparser
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

OF_THE_ENVIRONMENT = {"pip", "setuptools", "wheel"}
HEAD = """\
# The versions that the tests ran with, of everything that setup.cfg asks for, extras included (written by `make lock`).
# pip install -c requirements.lock -e .    or, for the newest versions within setup.cfg's ranges, without -c
"""


def wanted() -> list[Requirement]:
    """What setup.cfg asks for."""
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parent.parent / "setup.cfg")
    lines = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    return [Requirement(line) for text in lines for line in text.splitlines() if line.strip() and line[0] != "#"]


def closure(waiting: list[Requirement]) -> dict[str, str]:
    """Name -> version of the installed ones among these and what they ask for on this machine."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        asked = waiting.pop()
        key = (asked.name.lower().replace("_", "-"), frozenset(asked.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            there = distribution(asked.name)
        except PackageNotFoundError:
            if asked.marker is None or asked.marker.evaluate():
                print(f"not installed here, and so not in the lock: {asked.name}", file=sys.stderr)
            continue
        found[key[0]] = there.version.partition("+")[0]  # a build's own suffix names no version of an index
        for text in there.requires or ():
            further = Requirement(text)
            extras = ("", *asked.extras)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                further.marker = None  # it held
                waiting.append(further)
    return {name: version for name, version in found.items() if name not in OF_THE_ENVIRONMENT}


if __name__ == "__main__":
    print(HEAD + "\n".join(f"{name}=={version}" for name, version in sorted(closure(wanted()).items())))
