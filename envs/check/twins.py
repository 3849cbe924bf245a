"""Test problems that stand in training under another name: what identities cannot see, since they take them for two.

A twin has the answer of a training problem and the same words in another order, or the same worked steps, or is its
prompt with other one-letter names, or with another word where words change nothing: a task number, somebody's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from envs.check.report import Finding
from envs.types import Problem

MAX_TWINS = 0.1  # share of test problems; by chance a few prompts share their words and their answer
MIN_TWINS = 5
IDLE_SHARE = 0.95  # of the problems that differ in one word alone: so many have one answer where that word is idle
MAX_PLACES = 100  # words of a prompt, counted from its beginning, that are left out in turn
_WORD = re.compile(r"\d+|[^\W\d_]+|\S")


def check_twins(train: Sequence[Problem], test: Sequence[Problem]) -> Iterator[Finding]:
    """Few test problems are training problems in other words."""
    different = {problem.id: problem for problem in test}.values()
    idle = idle_places([*{problem.id: problem for problem in train}.values(), *different])
    seen = {look: problem for problem in train for look in looks(problem, idle)}
    pairs = [(p, seen[look]) for p in different if (look := next((x for x in looks(p, idle) if x in seen), None))]
    share = len(pairs) / max(1, len(different))
    detail = f"{share:.1%} of {len(different)} test problems have words or steps of a training problem, and its answer"
    if pairs:
        detail += f"; e.g. {pairs[0][0].text[:100]!r} and {pairs[0][1].text[:100]!r}"
    fix = "give Problem.canonical: what is asked, without names, task numbers, and order that changes nothing"
    yield Finding("test problems have no twins in training", share <= MAX_TWINS or len(pairs) < MIN_TWINS, detail, fix)


def idle_places(problems: Sequence[Problem]) -> list[int]:
    """Places of words on which no answer depends: problems that differ there alone have one answer, MIN_TWINS times."""
    groups: dict[tuple[int, str], dict[str, str]] = {}  # (place, the other words) -> word -> answer
    for problem in problems:
        words = problem.text.split()
        for place, word in enumerate(words[:MAX_PLACES]):
            groups.setdefault((place, " ".join([*words[:place], *words[place + 1 :]])), {})[word] = problem.answer
    alike: dict[int, list[bool]] = {}
    for (place, _), answers in groups.items():
        if len(answers) > 1:
            alike.setdefault(place, []).append(len(set(answers.values())) == 1)
    return [place for place, same in alike.items() if len(same) >= MIN_TWINS and sum(same) >= IDLE_SHARE * len(same)]


def looks(problem: Problem, idle: Sequence[int] = ()) -> Iterator[tuple[str, ...]]:
    """What a problem looks like, whatever its order of words, its steps' order, its one-letter names and idle words."""
    if idle:
        words = problem.text.split()
        yield "idle", problem.answer, *(word for place, word in enumerate(words) if place not in idle)
    words = _WORD.findall(problem.text)
    yield "words", problem.answer, *sorted(words)
    if problem.solution:
        yield "steps", problem.answer, *sorted(problem.solution)
    names: dict[str, str] = {}
    renamed = (names.setdefault(w, f"v{len(names)}") if len(w) == 1 and w.isalpha() else w for w in words)
    yield "names", problem.answer, *renamed


def look_keys(problem: Problem) -> list[bytes]:
    """The looks of a problem, eight bytes each: so those of very many problems can be held."""
    return [
        blake2b("\0".join(look).encode("utf-8", "surrogatepass"), digest_size=8).digest() for look in looks(problem)
    ]
