"""The contents of a report, and the words in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SECTIONS = (  # anchor, title, and the key without which the section is left out; charts are left out where not drawn
    ("hypotheses", "Hypotheses", "hypotheses"),
    ("arms", "The arms", None),
    ("levels", "By level", None),
    ("longer", "Longer problems", "longer"),
    ("budgets", "What the arms were given", "budgets"),
    ("costs-table", "Costs", None),
    ("held_out", "Training", "chart"),
    ("levels-chart", "Accuracy by level", "chart"),
    ("proxy", "Gold and proxy", "chart"),
    ("reliability", "Reward model", "chart"),
    ("fidelity", "Where RLHF stalls", "chart"),
    ("step_sizes", "Size of the steps", "chart"),
    ("costs", "Accuracy and cost", "chart"),
    ("pass_at", "pass@k", "chart"),
    ("health", "Health", "chart"),
    ("samples", "Side by side", "samples"),
    ("cards", "Cards", "cards"),
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
    "prompt, completion": "the problem as the policy reads it, and what it writes after it.",
    "seed": "one whole repetition, from the first weight to the test: 10 seeds are 10 runs of every arm.",
    "label": "an annotator's choice between two completions; RLHF and DPO learn from labels, RL from verdicts.",
    "reward model": "a model fitted to labels; RLHF maximises its score.",
    "best by verifier, best by annotator, kl matched": "earlier policies of an arm: the best on validation problems by "
    "the verifier's verdicts, the best by the arm's own annotator, and the one as far from the start as RL ended.",
    "misled": "said of an annotator that takes a wrong solution for right.",
    "held-out, validation": "problems that no arm trains on, asked during training; the test is asked at the end.",
    "training step": "one round: completions are sampled and rewarded, and the weights are updated.",
    "optimizer step": "one update of the weights; in the tables those of reward models are counted, too.",
    "size of a step": "operations that one line of a solution carries out at once; malformed: none can be read.",
    "leaping, patient": "writers of demonstrations: several operations in a line, or every one written out.",
    "group without signal": "completions of one problem that all have the same reward: nothing can be learned of them.",
    "T": "temperature of sampling; 1: as the policy itself would.",
    "level": "how hard a problem is; in LEAPS the number of operations.",
    "trained levels": "levels whose problems were trained on; the headline is the mean of their means.",
    "over the start": "verified share minus that of the start, paired by seed and problem.",
    "interval": "95 %, over problems, and over seeds where there are several; a difference is settled where 0 is out.",
    "Holm": "a correction of p-values for the number of claims, so that one of many is not held by luck.",
    "held, not held, undecided": "p below 0.05, corrected for all claims; the estimate on the other side; neither.",
    "not claimed": "not foretold and not seen; counted in the correction all the same.",
    "KL": "how far a policy has moved from the start, nats per completion.",
    "mfu": "share of the arithmetic that this machine could do which the learner does.",
    "entropy": "how undecided the policy is about its next token, nats.",
    "verdicts": "ground-truth verdicts that training read; those that were only recorded are not counted.",
    "FLOP": "floating-point operations: two for every weight and every token read or written.",
}


def contents(figures: Mapping[str, Any], charts: Collection[str]) -> list[tuple[str, str]]:
    """(anchor, title) of every section that this report has, in order."""
    found = []
    cards = figures["label_report"] or figures["reward_model"] or figures["imitation"]
    given = {**figures, "cards": cards, "budgets": figures["budgets"]["arms"]}
    for anchor, title, needs in SECTIONS:
        key = anchor.removesuffix("-chart")
        if needs is None or (key in charts if needs == "chart" else given[needs]):
            found.append((anchor, title))
    own = [(f"own-{number}", row["title"]) for number, row in enumerate(figures["own_sections"], 1)]
    return [*found[:-2], *own, *found[-2:]]
