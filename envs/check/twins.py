"""Test problems that stand in training under another name: what identities cannot see, since they take them for two.

A twin has the answer of a training problem and the same words in another order, or the same worked steps (a number in
the prompt that the answer does not depend on), or is its prompt with other one-letter names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from envs.check.report import Finding
from envs.types import Problem

MAX_TWINS = 0.1  # share of test problems; by chance a few prompts share their words and their answer
MIN_TWINS = 5
_WORD = re.compile(r"\d+|[^\W\d_]+|\S")


def check_twins(train: Sequence[Problem], test: Sequence[Problem]) -> Iterator[Finding]:
    """Few test problems are training problems in other words."""
    seen = {look: problem for problem in train for look in looks(problem)}
    different = {problem.id: problem for problem in test}.values()
    pairs = [(p, seen[look]) for p in different if (look := next((x for x in looks(p) if x in seen), None))]
    share = len(pairs) / max(1, len(different))
    detail = f"{share:.1%} of {len(different)} test problems have words or steps of a training problem, and its answer"
    if pairs:
        detail += f"; e.g. {pairs[0][0].text[:100]!r} and {pairs[0][1].text[:100]!r}"
    fix = "give Problem.canonical: what is asked, without names, task numbers, and order that changes nothing"
    yield Finding("test problems have no twins in training", share <= MAX_TWINS or len(pairs) < MIN_TWINS, detail, fix)


def looks(problem: Problem) -> Iterator[tuple[str, ...]]:
    """What a problem looks like, whatever its order of words, its steps' order, and its one-letter names."""
    words = _WORD.findall(problem.text)
    yield "words", problem.answer, *sorted(words)
    if problem.solution:
        yield "steps", problem.answer, *sorted(problem.solution)
    names: dict[str, str] = {}
    renamed = (names.setdefault(w, f"v{len(names)}") if len(w) == 1 and w.isalpha() else w for w in words)
    yield "names", problem.answer, *renamed
