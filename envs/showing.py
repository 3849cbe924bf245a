"""Environments for people: samples with solutions, a game against the verifier, a starter file, documentation pages."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from envs.builtin import PROCEDURAL
from envs.check import check_environment
from envs.registry import get_class, make
from envs.types import Environment, Problem
from verifiers.types import Verdict

PAGE_PROBLEMS = 40  # per level, for the check that a page reports


def show(env: Environment | str, *, num: int = 3, level: int | None = None, seed: int = 0) -> str:
    """Sample problems with their worked solutions, and one solution that is wrong, as text."""
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
            indent(env.home(problem).render_solution(problem.solution, problem.answer)),
        ]
        if wrong:
            lines += ["  wrong on purpose:", indent(wrong[0])]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


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
) -> list[Round]:
    """Lets a person answer: `ask` shows a prompt and returns what was typed; a bare answer is announced for them.

    An empty answer ends the game early.
    """
    env = make(env) if isinstance(env, str) else env
    rounds: list[Round] = []
    for problem in env.problems(num, seed=seed, level=level):
        typed = ask(problem.text).strip()
        if not typed:
            break
        verdict = env.grade(problem, typed)
        if verdict.answer is None:
            typed = env.home(problem).render_solution((), typed)
            verdict = env.grade(problem, typed)
        rounds.append(Round(problem, typed, verdict))
    return rounds


STARTER = '''"""{title}: an environment of your own. Try it: beyond env check {file}:{name}"""

import random

from envs import Problem, environment


@environment("{name}", levels=(1, 2, 3), ood_levels=(4,), verify="numeric")
def {name}(rng: random.Random, level: int) -> Problem:
    """Perimeters of rectangles (level: digits of the sides)."""
    a, b = rng.randrange(1, 10**level), rng.randrange(1, 10**level)
    steps = (f"{{a}} + {{b}} = {{a + b}}", f"2 * {{a + b}} = {{2 * (a + b)}}")
    return Problem(f"A rectangle measures {{a}} by {{b}}. What is its perimeter?", str(2 * (a + b)), steps)
'''


def new(name: str, folder: str | Path = ".") -> Path:
    """Writes a starter file for an environment of this name and returns its path.

    Raises:
        ValueError: the name is no Python identifier.
        FileExistsError: the file is there already.
    """
    if not name.isidentifier():
        raise ValueError(f"name is {name!r}, expected a Python identifier such as my_environment")
    file = Path(folder) / f"{name}.py"
    if file.exists():
        raise FileExistsError(f"{file} exists already; choose another name or folder")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(STARTER.format(title=name.replace("_", " ").capitalize(), file=file, name=name))
    return file


def page(name: str, *, seed: int = 0) -> str:
    """The documentation page of an environment, in Markdown: settings, levels, samples, what the probes earn."""
    cls, env = get_class(name), make(name)
    report = check_environment(env, num=PAGE_PROBLEMS, seed=seed, hostile=False, fresh_process=False)
    target = getattr(cls, "function", cls)
    settings = [p for p in inspect.signature(target).parameters.values() if p.name not in ("rng", "level", "self")]
    lines = [f"# {name}", "", inspect.getdoc(cls) or "", ""]
    lines += [f"- levels: {_listed(env.levels)}; for evaluation beyond them: {_listed(env.ood_levels)}"]
    lines += [f"- source: `{cls.__module__.replace('.', '/')}.py`"]
    if settings:
        lines += ["- settings: " + ", ".join(f"`{p.name}={p.default!r}`" for p in settings)]
    if env.mistakes:
        lines += ["- wrong rules that a demonstrator can follow: " + ", ".join(f"`{m}`" for m in env.mistakes)]
    best = max(report.numbers["probes"].items(), key=lambda item: item[1])
    lines += [
        f"- check: {'passes' if report.is_ok else 'fails'}; the best exploit probe ({best[0]}) earns {best[1]:.0%}"
    ]
    lines += ["", "## Samples"]
    for level in (*env.levels, *env.ood_levels):
        problem = env.problem(0, seed=seed, level=level)
        beyond = " (evaluation only)" if level in env.ood_levels else ""
        solution = env.home(problem).render_solution(problem.solution, problem.answer)
        lines += ["", f"Level {level}{beyond}", "", "```text", problem.text, "", solution, "```"]
    return "\n".join(lines) + "\n"


def gallery(seed: int = 0) -> Iterator[tuple[str, str]]:
    """(file name, Markdown): an index, then one page per built-in procedural environment."""
    lines = ["# Environments", "", "Written by `envs.showing.write_gallery`; do not edit by hand.", ""]
    lines += ["| environment | what it asks | levels | beyond |", "| --- | --- | --- | --- |"]
    for name in sorted(PROCEDURAL):
        env = make(name)
        summary = (inspect.getdoc(get_class(name)) or "").partition("\n")[0].replace("|", "\\|")
        lines.append(f"| [{name}]({name}.md) | {summary} | {_listed(env.levels)} | {_listed(env.ood_levels)} |")
    yield "index.md", "\n".join(lines) + "\n"
    for name in sorted(PROCEDURAL):
        yield f"{name}.md", page(name, seed=seed)


def write_gallery(folder: str | Path, seed: int = 0) -> list[Path]:
    """Writes the gallery into a folder, page by page, and returns the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in gallery(seed):
        (folder / name).write_text(text)
        written.append(folder / name)
    return written


def _listed(levels: tuple[int, ...]) -> str:
    return ", ".join(map(str, levels)) or "none"
