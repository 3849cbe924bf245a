"""The contents of a report, and the words in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SECTIONS = (  # anchor, title, and the key without which the section is left out; charts are left out where not drawn
    ("hypotheses", "Hypotheses", "hypotheses"),
    ("arms", "The arms", None),
    ("levels", "By level", None),
    ("longer", "Longer problems", "longer"),
    ("budgets", "What the arms were given", None),
    ("costs-table", "Costs", None),
    ("held_out", "Training", "chart"),
    ("levels-chart", "Accuracy by level", "chart"),
    ("proxy", "Gold and proxy", "chart"),
    ("reliability", "Reward model", "chart"),
    ("fidelity", "Where RLHF stalls", "chart"),
    ("leaps", "Size of the steps", "chart"),
    ("costs", "Accuracy and cost", "chart"),
    ("pass_at", "pass@k", "chart"),
    ("health", "Health", "chart"),
    ("samples", "Side by side", "samples"),
    ("warnings", "Warnings", None),
    ("time", "Time", None),
    ("glossary", "Words", None),
    ("again", "To run this again", None),
)

GLOSSARY = {
    "policy": "the language model; it writes completions of prompts.",
    "demonstrator": "who wrote the solutions that the start imitates; it answers the same problems as every policy.",
    "sft": "the start: the policy that imitates the demonstrator, and from which every arm leaves.",
    "arm": "one thing that is done with the start: RL, RLHF, DPO, more imitation ...",
    "verified": "every line of the solution is right, by the environment's verifier.",
    "answer only": "the answer is right, however it was reached; it can be guessed.",
    "gold, ground truth": "the verifier's verdict, as opposed to a label or a reward model's score.",
    "proxy": "the score of a reward model fitted to labels, in standard deviations of the start's completions.",
    "annotator": "who says which of two completions is better. A decisive pair has exactly one right side.",
    "sampled": "completions drawn at the evaluation's temperature; the share that is verified.",
    "greedy": "the completion made of the most probable token at every step.",
    "pass@k": "chance that at least one of k samples is verified, estimated without bias.",
    "level": "how hard a problem is; in LEAPS the number of operations.",
    "trained levels": "levels whose problems were trained on; the headline is the mean of their means.",
    "over the start": "verified share minus that of the start, paired by seed and problem.",
    "interval": "95 %, over problems, and over seeds where there are several; a difference is settled where 0 is out.",
    "held, not held, undecided": "p below 0.05, corrected for all claims; the estimate on the other side; neither.",
    "not claimed": "not foretold and not seen; counted in the correction all the same.",
    "KL": "how far a policy has moved from the start, nats per completion.",
    "entropy": "how undecided the policy is about its next token, nats.",
    "verdicts": "ground-truth verdicts that training read; those that were only recorded are not counted.",
    "FLOP": "floating-point operations: two for every weight and every token read or written.",
}


def contents(figures: Mapping[str, Any], charts: Collection[str]) -> list[tuple[str, str]]:
    """(anchor, title) of every section that this report has, in order."""
    found = []
    for anchor, title, needs in SECTIONS:
        key = anchor.removesuffix("-chart")
        if needs is None or (key in charts if needs == "chart" else figures[needs]):
            found.append((anchor, title))
    own = [(f"own-{number}", row["title"]) for number, row in enumerate(figures["own_sections"], 1)]
    return [*found[:-2], *own, *found[-2:]]
