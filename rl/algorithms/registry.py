"""Algorithms by name: the ones here, or a class of your own in a module or a file."""

from __future__ import annotations

from typing import Any

from rl.algorithms.base import Algorithm
from rl.algorithms.cispo import Cispo
from rl.algorithms.dapo import Dapo
from rl.algorithms.distill import Distill
from rl.algorithms.dr_grpo import DrGrpo
from rl.algorithms.gpg import Gpg
from rl.algorithms.grpo import Grpo
from rl.algorithms.gspo import Gspo
from rl.algorithms.max_rl import MaxRl
from rl.algorithms.ppo import Ppo
from rl.algorithms.reinforce import Reinforce
from rl.algorithms.reinforce_pp import ReinforcePlusPlus
from rl.algorithms.rloo import Rloo
from rl.algorithms.sapo import Sapo
from rl.algorithms.settings import build
from rl.algorithms.sft import Sft
from rl.algorithms.vapo import Vapo
from verifiers.parts import find_part

ALGORITHMS: dict[str, type[Algorithm]] = {
    kind.name: kind
    for kind in (
        Reinforce,
        ReinforcePlusPlus,
        Rloo,
        Grpo,
        DrGrpo,
        Dapo,
        Gspo,
        Cispo,
        Sapo,
        Gpg,
        MaxRl,
        Ppo,
        Vapo,
        Sft,
        Distill,
    )
}


RENAMED = {"credit": "compute_advantages", "keeps": "filter_group", "max_refills": "max_resamples"}  # methods of before


def make(name: str, **settings: Any) -> Algorithm:
    """The algorithm of this name with these settings; nested settings as mappings, enum values as strings.

    Args:
        name: one of ALGORITHMS, or a subclass of Algorithm, named as in verifiers/parts.py.
    Raises:
        ValueError: no such algorithm or setting (the nearest one is told), or a combination that means nothing.
    """
    return build(find(name), settings, where=name, hidden=("state",))


def find(name: str) -> type[Algorithm]:
    """The class that `name` means; see `make`.

    Raises:
        ValueError: there is none, or it is no Algorithm.
    """
    kind = find_part("algorithm", name, ALGORITHMS)
    if not (isinstance(kind, type) and issubclass(kind, Algorithm)):
        raise ValueError(f"algorithm {name!r} is {kind!r}, expected a subclass of Algorithm")
    for method, new in RENAMED.items():
        if hasattr(kind, method):
            raise ValueError(f"algorithm {name!r} defines {method}, which is called {new} now")
    return kind
