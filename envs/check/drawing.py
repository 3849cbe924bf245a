"""Checks of how problems are drawn: the same in every process, and whole after JSON and pickle."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator

from envs.check.report import Finding
from envs.environment import Environment
from envs.types import SPLITS, Problem

FEW = 20  # problems per level for the slower checks


def draw(env: Environment, num: int, seed: int, level: int) -> list[Problem]:
    """The first `num` training problems of a level."""
    return list(env.problems(num, seed=seed, level=level))


def fingerprint(env: Environment, seed: int, num: int = 3) -> str:
    """A hash over problems of every level and split: equal wherever the environment is built."""
    digest = hashlib.sha256()
    for level in (*env.levels, *env.ood_levels):
        for split in SPLITS:
            try:
                problems = list(env.problems(num, split=split, seed=seed, level=level))
            except ValueError:  # a split without problems of this level: the same in every process
                digest.update(b"none")
                continue
            for problem in problems:
                digest.update(json.dumps(problem.to_json(), sort_keys=True).encode())
    return digest.hexdigest()


def check_deterministic(
    env: Environment, drawn: dict[int, list[Problem]], seed: int, fresh_process: bool
) -> Iterator[Finding]:
    """Equal keys give equal problems: drawn again here, and in a new process."""
    fix = "draw with the rng that generate receives only; no global random, no clock, no iteration over sets"
    few = {level: problems[:FEW] for level, problems in drawn.items()}
    changed = [level for level, problems in few.items() if draw(env, len(problems), seed, level) != problems]
    yield Finding("deterministic", not changed, f"levels that differ when drawn again: {changed or 'none'}", fix)
    if not fresh_process:
        return
    if env.spec is None:
        yield Finding("deterministic in a fresh process", True, "not tried: the environment was not made by name")
        return
    code = (
        "import json, sys\nfrom envs import EnvSpec, make\nfrom envs.check.drawing import fingerprint\n"
        "row, seed = json.loads(sys.argv[1])\nprint(fingerprint(make(EnvSpec.from_json(row)), seed))"
    )
    argument = json.dumps([env.spec.to_json(), seed])
    done = subprocess.run(
        [sys.executable, "-c", code, argument],
        capture_output=True,
        text=True,
        check=False,
        env={**_environment_variables(), "PYTHONHASHSEED": "7"},
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        fix_spec = "the spec must name it as another process can import it: package.module:attribute or a file"
        yield Finding("deterministic in a fresh process", False, f"cannot be rebuilt there: {last}", fix_spec)
        return
    same = done.stdout.strip() == fingerprint(env, seed)
    yield Finding("deterministic in a fresh process", same, "same problems" if same else "other problems there", fix)


def _environment_variables() -> dict[str, str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path}


def check_round_trip(env: Environment, drawn: dict[int, list[Problem]]) -> Iterator[Finding]:
    """Problems come back from JSON and from pickle as they were."""
    problems = [problem for group in drawn.values() for problem in group[:FEW]]
    fix = "keep to text, numbers, lists and dictionaries with text keys in Problem.info (no tuples, no sets)"
    broken = 0
    for problem in problems:
        try:
            again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
        except TypeError:
            broken += 1
            continue
        broken += again != problem or again.id != problem.id
    yield Finding("JSON round trip", broken == 0, f"{broken} of {len(problems)} problems come back different", fix)
    broken = sum(pickle.loads(pickle.dumps(problem)) != problem for problem in problems)
    yield Finding("pickles", broken == 0, f"{broken} of {len(problems)} problems come back different", fix)
