"""Test problems that stand in training under another name: what identities cannot see, since they take them for two.

A twin has the answer of a training problem and the same words in another order, or the same worked steps, or is its
prompt with other one-letter names, or with another word where words change nothing: a task number, somebody's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import combinations

from envs.check.report import Finding
from envs.types import Problem

MAX_TWINS = 0.1  # share of test problems; by chance a few prompts share their words and their answer
MIN_TWINS = 5
IDLE_SHARE = 0.95  # of the problems that differ in one word alone: so many have one answer where that word is idle
MAX_PLACES = 100  # words of a prompt, counted from its beginning, that are left out in turn
VARIOUS_SHARE, MAX_VARIOUS = 0.5, 6  # words that differ in so many texts; places of which pairs are tried
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
    """Places of words on which no answer depends: problems that differ there alone have one answer, MIN_TWINS times.

    One place is left out at a time, and two of those whose words hardly ever come back, as two task numbers would be.
    """
    texts = [(problem.text.split(), problem.answer) for problem in problems]
    length = max((len(words) for words, _ in texts), default=0)
    found = {place for place in range(min(length, MAX_PLACES)) if _is_idle(texts, (place,))}
    for pair in combinations(_various(texts, length), 2):
        if not found.issuperset(pair) and _is_idle(texts, pair):
            found.update(pair)
    return sorted(found)


def _is_idle(texts: Sequence[tuple[list[str], str]], places: Sequence[int]) -> bool:
    """Whether texts that are the same but for these places have one answer, nearly always."""
    groups: dict[str, dict[tuple[str, ...], str]] = {}  # the other words -> these words -> answer
    for words, answer in texts:
        if max(places) < len(words):
            rest = " ".join(word for place, word in enumerate(words) if place not in places)
            groups.setdefault(rest, {})[tuple(words[place] for place in places)] = answer
    same = [len(set(answers.values())) == 1 for answers in groups.values() if len(answers) > 1]
    return len(same) >= MIN_TWINS and sum(same) >= IDLE_SHARE * len(same)


def _various(texts: Sequence[tuple[list[str], str]], length: int) -> list[int]:
    """The places, MAX_VARIOUS at most, whose words are different in most of the texts."""
    shares = {}
    for place in range(min(length, MAX_PLACES)):
        there = [words[place] for words, _ in texts if place < len(words)]
        if len(set(there)) > VARIOUS_SHARE * len(texts):
            shares[place] = len(set(there))
    return sorted(sorted(shares, key=lambda place: -shares[place])[:MAX_VARIOUS])


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
