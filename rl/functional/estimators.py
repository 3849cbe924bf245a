"""Estimating how often a policy solves a problem within k tries, from n >= k samples of it.

Plain Python on counts and answers: exact, no randomness, usable without torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import comb


def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """Probability that at least one of k samples, drawn without replacement from the n seen, is correct.

    1 - C(n - c, k) / C(n, k): unbiased for 1 - (1 - p)^k.                        (arXiv:2107.03374 eq. 1)

    Raises:
        ValueError: k or c out of range.
    """
    _check(num_samples, k)
    if not 0 <= num_correct <= num_samples:
        raise ValueError(f"num_correct is {num_correct}, expected within 0..{num_samples}")
    return 1.0 - comb(num_samples - num_correct, k) / comb(num_samples, k)


def maj_at_k(answers: Sequence[Hashable | None], correct: Sequence[bool], k: int) -> float:
    """Expected correctness of the majority answer of k samples drawn without replacement from the n seen.

    Exact, by counting subsets. None is no answer and gets no vote; a subset without votes is wrong. A tie is broken
    by a fair draw among the tied answers: expected correctness, not the luck of an order.

    Args:
        answers: n final answers in a normal form in which equal means equal.
        correct: n bools; equal answers must agree on it.
    Raises:
        ValueError: lengths differ, k out of range, or one answer judged both ways.
    """
    if len(answers) != len(correct):
        raise ValueError(f"{len(answers)} answers and {len(correct)} verdicts, expected equal numbers")
    _check(len(answers), k)
    right: dict[Hashable, bool] = {}
    for answer, verdict in zip(answers, correct, strict=True):
        if answer is not None and right.setdefault(answer, bool(verdict)) != bool(verdict):
            raise ValueError(f"answer {answer!r} is judged correct once and wrong once: normalise answers first")
    counts = Counter(a for a in answers if a is not None)
    silent = len(answers) - sum(counts.values())
    expected = 0.0
    for answer, count in counts.items():
        if right[answer]:
            others = [c for a, c in counts.items() if a != answer]
            expected += _win_probability(count, others, silent, k, len(answers))
    return expected


def _win_probability(count: int, others: Sequence[int], silent: int, k: int, n: int) -> float:
    """Probability that an answer with `count` votes wins a k-subset, a tie among m counting 1/m."""
    total = 0.0
    for votes in range(1, min(count, k) + 1):
        # ways[drawn][tied]: ways to draw from the others so that none exceeds `votes`, `tied` of them reach it
        ways: dict[tuple[int, int], int] = {(0, 0): 1}
        for other in others:
            grown: Counter[tuple[int, int]] = Counter()
            for (drawn, tied), number in ways.items():
                for extra in range(min(other, votes, k - votes - drawn) + 1):
                    grown[drawn + extra, tied + (extra == votes)] += number * comb(other, extra)
            ways = dict(grown)
        for (drawn, tied), number in ways.items():
            rest = k - votes - drawn
            if rest <= silent:
                total += comb(count, votes) * number * comb(silent, rest) / (tied + 1)
    return total / comb(n, k)


def _check(num_samples: int, k: int) -> None:
    if not 1 <= k <= num_samples:
        raise ValueError(f"k is {k} with {num_samples} samples, expected 1 <= k <= samples: draw more or ask for less")
