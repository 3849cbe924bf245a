"""What a policy's training took in floating-point operations and energy, from what the study noted of it.

Operations: 2 N for a token that is sampled, 6 N for one that is trained on (Kaplan et al. 2020, arXiv:2001.08361,
section 2.1), N the weights of the policy; those of reward models and critics are taken for N as well. Energy: the CPU
seconds of the stage at `WATTS_PER_CORE`, which is an assumption and not a measurement.
"""

from __future__ import annotations

from experiments.results.read import StudyResults

WATTS_PER_CORE = 10.0  # of a busy core of a server, its share of memory and cooling included: assumed
SAMPLED, TRAINED = 2.0, 6.0  # operations per weight and token


def training_flop(study: StudyResults, policy: str, seed: int) -> float | None:
    """Floating-point operations of an arm's training beyond the shared start; None where it noted no costs.

    A distillation notes its own, in which the teacher's are counted at the teacher's size.
    """
    card = study.card(f"{policy}/training.json", seed)
    if card is None:
        return None
    if "costs" in card:
        return float(sum(route["flop"] for route in card["costs"].values()))
    evaluation = study.policies[policy].evaluations[study.seeds.index(seed)]
    weights = evaluation.get("parameters")
    if weights is None:
        return None
    cost = card["cost"]
    return float(weights * (SAMPLED * cost["tokens_sampled"] + TRAINED * cost["tokens_trained"]))


def watt_hours(cpu_seconds: float) -> float:
    """Energy of so many seconds of one core, by the assumption above."""
    return cpu_seconds * WATTS_PER_CORE / 3600.0
