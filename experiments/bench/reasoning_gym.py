"""What every data set of reasoning-gym pays here: its own reference, and answers that only resemble it.

    python -m experiments.bench.reasoning_gym --output results/reasoning_gym.json

Each data set has a process of its own and a deadline. `gold` is the share of references that our grading accepts;
`partial` the share of spoiled references (one half of it, something added, nothing, a digit changed) that it pays, and
`library` what the library's own scorer gives those on average. Grading pays for the reference and for the library's
full score only, so `partial` above 0 means a scorer that pays in full for something else; such sets are refused or
compared as text (envs/adapters/reasoning_gym.py).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
from collections.abc import Sequence
from pathlib import Path
from queue import Empty
from typing import Any

from envs.adapters import need
from envs.adapters.reasoning_gym import ReasoningGym, refusal_of

PROBLEMS = 6
DEADLINE_SECONDS = 40.0


def spoiled(answer: str) -> tuple[str, ...]:
    """Texts that resemble an answer: half of it, more than it, nothing in it, another digit."""
    digit = next((i for i, sign in enumerate(answer) if sign.isdigit()), None)
    other = () if digit is None else (answer[:digit] + str((int(answer[digit]) + 1) % 10) + answer[digit + 1 :],)
    return (answer[: len(answer) // 2], f"{answer} or 987654", "0", *other)


def measure(dataset: str) -> dict[str, Any]:
    """Shares of references and of spoiled references that are paid."""
    env = ReasoningGym(dataset, accept_exploitable=True)
    rng = random.Random(0)
    level = env.levels[0]
    gold, paid, scores = [], [], []
    for _ in range(PROBLEMS):
        problem = env.generate(rng, level)
        gold.append(env.grade(problem, env.render_solution((), problem.answer)).is_correct)
        entry = env._cached_entry(problem.info["seed"], level)
        for text in spoiled(problem.answer):
            if not text.strip():
                continue
            paid.append(env.grade(problem, env.render_solution((), text)).is_correct and text != problem.answer)
            try:
                scores.append(float(env._sources[level].score_answer(text, entry)))
            except Exception:  # foreign scorers raise what their parsing runs into: it pays nothing
                scores.append(0.0)
    return {
        "gold": sum(gold) / len(gold),
        "partial": sum(paid) / len(paid),
        "library": round(sum(scores) / len(scores), 3),
        "levels": list(env.levels),
    }


def _in_process(dataset: str, queue: Any) -> None:
    try:
        queue.put(measure(dataset))
    except Exception as error:  # a data set that cannot be made is a row of the table
        queue.put({"error": f"{type(error).__name__}: {error}"[:200]})


def row_of(dataset: str) -> dict[str, Any]:
    """The measurement of a data set, or why there is none."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_in_process, args=(dataset, queue))
    process.start()
    try:
        row = queue.get(timeout=DEADLINE_SECONDS)
    except Empty:
        row = {"error": f"over {DEADLINE_SECONDS:.0f} seconds for {PROBLEMS} problems"}
    process.kill()
    process.join()
    refused = refusal_of(dataset)
    return {**row, **({"refused": refused} if refused else {})}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures all data sets, or those named, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=None, help="data sets; all by default")
    parser.add_argument("--output", "-o", type=Path, default=None)
    options = parser.parse_args(arguments)
    names = options.only or sorted(need("reasoning_gym.factory", extra="envs").DATASETS)
    table = {}
    for name in names:
        table[name] = row_of(name)
        print(name, json.dumps(table[name]), flush=True)
    if options.output:
        options.output.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
