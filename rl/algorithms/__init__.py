"""Named algorithms with vetted defaults. `make("grpo", clip_high=0.28, kl={"beta": 0.05})` builds one."""

from __future__ import annotations

import difflib
from typing import Any

from rl.algorithms.base import METRICS, Algorithm, AlgorithmState, LossParts, Scores
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
from rl.algorithms.settings import Correction, Kl, Placement, Scale, build
from rl.algorithms.sft import Sft
from rl.algorithms.vapo import Vapo

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

__all__ = [
    "ALGORITHMS",
    "METRICS",
    "Algorithm",
    "AlgorithmState",
    "Correction",
    "Kl",
    "LossParts",
    "Placement",
    "Scale",
    "Scores",
    "make",
]


def make(name: str, **settings: Any) -> Algorithm:
    """The algorithm of this name with these settings; nested settings as mappings, enum values as strings.

    Raises:
        ValueError: no such algorithm or setting (the nearest one is told), or a combination that means nothing.
    """
    if name not in ALGORITHMS:
        near = difflib.get_close_matches(name, ALGORITHMS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no algorithm {name!r}{hint} (algorithms: {', '.join(sorted(ALGORITHMS))})")
    return build(ALGORITHMS[name], settings, where=name, hidden=("state",))
