"""Random mistakes in what users bring, data, settings and code, end in a sentence before anything is trained.

A case is drawn by its seed: rows with values of other kinds, files that are something else, settings of the environment
that fit no row, and own parts that raise or give something else back. What happens to be legal must pass the check.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from experiments.config.loading import load_experiment
from experiments.run.errors import EXIT_USAGE, UserError
from experiments.study.plan import print_plan
from verifiers.plugins import trusting_only

VALUES: tuple[Any, ...] = (
    None,
    "",
    " ",
    7,
    -1.5,
    float("nan"),
    float("inf"),
    True,
    [],
    ["7"],
    [None],
    {},
    {"value": 7},
    "\\frac{1}{",
    "see figure 3",
    [{"role": "user", "content": "What is 3 + 4?"}],
    [{"role": "user"}],
    [{"from": "human", "value": "3 + 4?"}],
    "x" * 3000,
    "\x00",
    "\ud800",
    "１２",
    "#### 7",
    "$7$",
    [1, 2],
    10**400,
    "7\n8",
)
FILES: dict[str, bytes] = {
    "empty": b"",
    "blank lines": b"\n\n\n",
    "a list": b"[1, 2, 3]",
    "half a row": b'{"question": "3 + 4?", "ans',
    "latin": b'{"question": "caf\xe9", "answer": "1"}\n',
    "binary": bytes(range(256)) * 4,
    "utf-16": '{"question": "1 + 1?", "answer": "2"}\n'.encode("utf-16"),
    "numbers": b"1\n2\n3\n",
    "deep": b"[" * 5000 + b"]" * 5000,
    "a page": b"<html><body>404</body></html>\n",
}
ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", "")
SETTINGS: dict[str, tuple[Any, ...]] = {
    "prompt": ("question", "text", "meta.question", 3, ["question"], ""),
    "answer": ("answer", "solution", "meta.gold", None, "question"),
    "level": ("level", "answer", "question", "nothing", 4),
    "split": ("split", "level", "question", "nothing"),
    "solution": ("steps", "answer", "meta", "nothing"),
    "verify": (
        "numeric",
        "exact",
        "numerik",
        {"name": "numeric", "tolerence": 1},
        {"settings": 1},
        3,
        "own.py:Judge",
        "own.py:Raises",
        "own.py:Half",
        "own.py:nothing",
        "choice",
        "substitution",
        {"name": "symbolic", "strict": "yes"},
    ),
    "template": ("chat", "question", "no place", "{question} {mark}", 3, "boxed", "{question"),
    "system": ("Be brief.", 4),
    "shots": (1, -1, 1000, "two", 3),
    "levels": ("1-3", [9], "three", [1.5], [], "3-1", [1, 1]),
    "ood_levels": ([5], "x", [1]),
    "long_prompts": ("refuse", "drop", "cut", "trim", True),
    "invalid": ("refuse", "drop", "ignore"),
    "no_such": (1,),
}
ARMS = (
    "{rl: {method: rl, reward: verifier}}",
    "{rl: {method: rl, reward: {name: length, weight: 0.1}}}",
    "{rl: {method: rl, reward: {name: verifier, weights: {correct: 1, speed: 1}}}}",
    "{rl: {method: rl, reward: 'own.py:Raising'}}",
    "{rl: {method: rl, reward: 'own.py:Text'}}",
    "{rl: {method: rl, reward: 'own.py:Short'}}",
    "{rl: {method: rl, reward: 'own.py:Judge'}}",
    "{rl: {method: rl, reward: {name: 'own.py:Short', no_such: 1}}}",
    "{dpo: {method: dpo}}",
)
OTHERS: tuple[tuple[str, ...], ...] = (
    ("metrics=['own.py:bad_metric']",),
    ("rl.curriculum='own.py:Nothing'",),
    ("preference.annotator='own.py:Reader'", "arms={dpo: {method: dpo}}"),
    ("preference.selector='own.py:Picks'", "arms={dpo: {method: dpo}}"),
    ("rl.sampling.max_new_tokens=500",),
    ("evaluation.sampling.max_new_tokens=128",),
    ("policy={tiny: {layers: 1, hidden: 16, heads: 2, context: 24}}",),
    ("evaluation.levels=[7]",),
    ("imitation={steps: 1, num_demonstrations: 4}",),
    (
        "imitation={steps: 1, num_demonstrations: 4, step_accuracy: 0, single_step_share: 0}",
        "imitation.demonstrator={mistakes: [lose_sign]}",
    ),
    ("env='own.py:Odd'",),
    ("env='own.py:NoProblem'",),
    ("env='own.py:function'",),
    ("env='own.py:Few'",),
    ("env={name: mixture, parts: {leaps: 1, x: {env: 'own.py:Odd'}}}",),
)
OWN = """
from envs import Problem
from envs.environment import Environment
from verifiers import Outcome, Verdict

class Judge:
    def verify(self, response, answer):
        return Verdict(Outcome.CORRECT, 1.0)

class Raises:
    def verify(self, response, answer):
        raise LookupError("no such answer")

class Half:
    def verify(self, response, answer):
        return 0.5

class Raising:
    def compute_rewards(self, groups):
        return [group.trajectories[0].info["score"] for group in groups]

class Text:
    def compute_rewards(self, groups):
        return ["good" for group in groups]

class Short:
    def compute_rewards(self, groups):
        return groups[:0]

class Nothing:
    def __init__(self, env, seed=0, **settings):
        pass
    def problems(self, step, num, first=0):
        return None

class Reader:
    name, judgements_per_pair = "reader", 1
    def choice(self, first, second):
        return 0.7
    perceives_right = utility = approves = choice

class Picks:
    def select(self, group, annotator, rng):
        return group.trajectories

def bad_metric(groups):
    return {"mine": "high"}

class Odd(Environment):
    name = "odd"
    def generate(self, rng, level):
        return {"prompt": "3 + 4?", "answer": "7"}

class NoProblem(Environment):
    name = "no problem"

class Few(Environment):
    name = "few"
    def generate(self, rng, level):
        return Problem("3 + 4?", "7")

def function(rng, level):
    return Problem("3 + 4?", "7")
"""
CONFIG = """
name: brought
policy: {tiny: {layers: 1, hidden: 16, heads: 2, context: 128}}
rl: {steps: 1, problems_per_step: 2, group_size: 2, sampling: {max_new_tokens: 8}}
evaluation: {problems_per_level: 2, num_samples: 1, validation_problems: 2, sampling: {max_new_tokens: 8}}
workers: {executor: inline, num: 1}
"""


def rows(rng: random.Random) -> list[dict[str, Any]]:
    made = [
        {
            "question": f"What is {i} + {i % 7}?",
            "answer": str(i + i % 7),
            "level": 1 + i % 3,
            "split": ("train", "train", "test", "validation")[i % 4],
            "steps": [f"{i} + {i % 7} = {i + i % 7}"],
            "meta": {"gold": i + i % 7, "question": f"{i} + {i % 7}?"},
        }
        for i in range(rng.choice((3, 40, 40, 40, 40, 40)))
    ]
    for _ in range(rng.choice((0, 0, 1, 1, 3))):
        row, key = rng.choice(made), rng.choice(list(made[0]))
        if rng.random() < 0.2:
            row.pop(key, None)
        else:
            row[key] = rng.choice(VALUES)
    return made


def brought(seed: int, folder: Path) -> list[str]:
    """The overrides of a case; its files are written into the folder."""
    rng = random.Random(seed)
    file = folder / f"data{rng.choice(ENDINGS) if rng.random() < 0.1 else '.jsonl'}"
    if rng.random() < 0.1:
        file.write_bytes(rng.choice(list(FILES.values())))
    else:
        file.write_bytes("".join(json.dumps(row) + "\n" for row in rows(rng)).encode())
    settings: dict[str, Any] = {"prompt": "question"}
    for name in rng.sample(list(SETTINGS), rng.choice((0, 0, 1, 1, 2))):
        settings[name] = rng.choice(SETTINGS[name])
    env = json.dumps({"name": "jsonl", "path": str(file), **settings})
    others = rng.choice(OTHERS) if rng.random() < 0.4 else ()
    return [f"env={env}", f"arms={rng.choice(ARMS) if rng.random() < 0.4 else ARMS[0]}", *others]


def outcome(overrides: list[str], folder: Path) -> str:
    """How `beyond check` ends: "passes", or the sentence of a mistake."""
    try:
        with trusting_only([folder]):
            print_plan(load_experiment([folder / "brought.yaml"], overrides))
    except UserError as error:
        return str(error) if error.exit_code == EXIT_USAGE else f"exit code {error.exit_code}"
    return "passes"


def try_seed(seed: int, folder: Path) -> str:
    overrides = brought(seed, folder)
    told = outcome(overrides, folder)
    assert not told.startswith("exit code"), told
    assert told == "passes" or (len(told) > 20 and "Traceback" not in told and "object at 0x" not in told), (seed, told)
    return told


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "brought.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_twenty_random_mistakes_in_what_is_brought(folder):
    told = [try_seed(seed, folder) for seed in range(24)]
    assert sum(text != "passes" for text in told) >= 12, "the mistakes are hardly ever mistakes"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_many_random_mistakes_in_what_is_brought(block, folder):
    for seed in range(1000 + 20 * block, 1000 + 20 * (block + 1)):
        try:
            try_seed(seed, folder)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {brought(seed, folder)}") from error
