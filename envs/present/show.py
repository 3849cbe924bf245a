"""Environments for people: samples with solutions, a game against the verifier, documentation pages."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from envs.builtin import PROCEDURAL
from envs.check.audit import summary_rows
from envs.demonstrators.base import ConversationDemonstrator, Demonstrator
from envs.environment import Environment
from envs.registry import get_class, make
from envs.transcripts import play_episode
from envs.types import Problem
from verifiers.types import Verdict


def show(
    env: Environment | str,
    *,
    num: int = 3,
    level: int | None = None,
    seed: int = 0,
    demonstrator: Demonstrator | None = None,
) -> str:
    """Sample problems with their worked solutions, and one solution that is wrong, as text.

    Args:
        demonstrator: what it writes is shown too, with the verdict on it; None: nobody's.
    """
    env = make(env) if isinstance(env, str) else env
    rng = random.Random(seed)
    blocks = []
    for problem in env.problems(num, seed=seed, level=level):
        if not env.has_reference:
            blocks.append(f"[level {problem.level}] {problem.text}")
            continue
        wrong = env.corrupt(problem, rng)
        lines = [
            f"[level {problem.level}] {problem.text}",
            indent(env.source_env(problem).render_solution(problem.solution, problem.answer)),
        ]
        if wrong:
            lines += ["  wrong on purpose:", indent(wrong[0])]
        if demonstrator is not None:
            lines += _demonstrated(env, demonstrator, problem, rng)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _demonstrated(env: Environment, demonstrator: Demonstrator, problem: Problem, rng: random.Random) -> list[str]:
    if not demonstrator.covers(problem):
        return ["  the demonstrator writes no solution of such a problem"]
    if env.max_turns > 1 and isinstance(demonstrator, ConversationDemonstrator):
        turns = demonstrator.transcript(problem, rng)
        text = "\n".join(f"{turn.role}: {turn.content}" for turn in turns)
        verdict = env.grade_transcript(problem, turns)
    else:
        text = demonstrator.write(problem, rng)
        verdict = env.grade(problem, text)
    return [f"  the demonstrator writes ({verdict.outcome.name.lower()}):", indent(text)]


def indent(text: str) -> str:
    """`text` with every line moved in."""
    return "\n".join(f"    {line}" for line in text.splitlines())


@dataclass(frozen=True)
class Round:
    """One problem that a person answered."""

    problem: Problem
    response: str
    verdict: Verdict


def play(
    env: Environment | str,
    ask: Callable[[str], str],
    *,
    num: int = 5,
    level: int | None = None,
    seed: int = 0,
) -> Iterator[Round]:
    """Lets a person answer, and gives each round as it ends: `ask` shows a text and returns what was typed.

    A bare answer is announced for them; environments of several turns are played to their end. An empty answer ends
    the game early.
    """
    env = make(env) if isinstance(env, str) else env
    for problem in env.problems(num, seed=seed, level=level):
        source = env.source_env(problem)
        try:
            if source.max_turns > 1:
                episode = play_episode(source, problem, lambda messages: _typed(ask, messages[-1].content))
                yield Round(problem, episode.turns[-1].content, episode.verdict)
                continue
            typed = _typed(ask, problem.text)
        except _Quit:
            return
        verdict = source.grade(problem, typed)
        if verdict.answer is None:
            typed = source.render_solution((), typed)
            verdict = source.grade(problem, typed)
        yield Round(problem, typed, verdict)


class _Quit(Exception):
    """The person wants no more."""


def _typed(ask: Callable[[str], str], text: str) -> str:
    typed = ask(text).strip()
    if not typed:
        raise _Quit
    return typed


def page(name: str, *, seed: int = 0) -> str:
    """The documentation page of an environment, in Markdown: settings, levels, samples."""
    cls, env = get_class(name), make(name)
    target = getattr(cls, "function", cls)
    settings = [p for p in inspect.signature(target).parameters.values() if p.name not in ("rng", "level", "self")]
    lines = [f"# {name}", "", inspect.getdoc(cls) or "", ""]
    lines += [f"- levels: {_listed(env.levels)}; for evaluation beyond them: {_listed(env.ood_levels)}"]
    lines += [f"- source: `{cls.__module__.replace('.', '/')}.py`"]
    if settings:
        lines += ["- settings: " + ", ".join(f"`{p.name}={p.default!r}`" for p in settings)]
    if env.mistakes:
        lines += ["- wrong rules that a demonstrator can follow: " + ", ".join(f"`{m}`" for m in env.mistakes)]
    lines += ["", "## Samples"]
    for level in (*env.levels, *env.ood_levels):
        problem = env.problem(0, seed=seed, level=level)
        beyond = " (evaluation only)" if level in env.ood_levels else ""
        solution = env.source_env(problem).render_solution(problem.solution, problem.answer)
        lines += ["", f"Level {level}{beyond}", "", "```text", problem.text, "", solution, "```"]
    return "\n".join(lines) + "\n"


def gallery(audits: Mapping[str, Mapping[str, Any]], seed: int = 0) -> Iterator[tuple[str, str]]:
    """(file name, Markdown): an index with what audits measured, then one page per built-in procedural environment.

    Args:
        audits: rows of `envs.check.audit.audit` by environment; those that are missing are left empty.
    """
    lines = ["# Environments", "", "Written by `beyond env pages` from the code and results/environments.json.", ""]
    lines += [
        "Space: estimated number of problems of the smallest training level. Best probe: the most that any of about 70 "
        "policies without skill (envs/check/probes.py) earns at any level, beside the most frequent answer's own rate.",
        "",
    ]
    lines += ["| environment | what it asks | levels | beyond | space | best probe | most frequent answer |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    measured = {row["environment"]: row for row in summary_rows(audits)}
    for name in sorted(PROCEDURAL):
        env, row = make(name), measured.get(name)
        summary = (inspect.getdoc(get_class(name)) or "").partition("\n")[0].replace("|", "\\|")
        found = (f"{row['space']:,}", f"{row['probe_rate']:.1%}", f"{row['most_frequent_answer']:.1%}") if row else ()
        cells = (
            f"[{name}]({name}.md)",
            summary,
            _listed(env.levels),
            _listed(env.ood_levels),
            *(found or ("", "", "")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    yield "index.md", "\n".join(lines) + "\n"
    for name in sorted(PROCEDURAL):
        yield f"{name}.md", page(name, seed=seed)


def _listed(levels: tuple[int, ...]) -> str:
    return ", ".join(map(str, levels)) or "none"
