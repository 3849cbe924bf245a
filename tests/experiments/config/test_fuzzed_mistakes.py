"""Random mistakes in shipped configs end in a sentence and exit code 2 before anything is written, never a traceback.

A mistake is drawn by its seed: a misspelt key, a value of another type, a number out of range, a component that there
is not, a file that is missing, a setting that contradicts another, a file cut off in the middle. A change that happens
to be legal must come as far as a study's folder.
"""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.config.loading import CONFIG_FOLDER, load_experiment
from experiments.run.errors import EXIT_USAGE, UserError
from experiments.study import run as study_run
from experiments.study.plan import print_plan
from verifiers.plugins import trusting_only

CONFIGS = ("demo", "demo-ppo", "mini", "mini-ladder", "mixture")
VALUES = (
    None,
    "text",
    "",
    -1,
    0,
    1.5,
    10**12,
    True,
    [],
    {},
    [1, "a"],
    {"a": 1},
    {"name": "x"},
    float("nan"),
    "1e-4",
    "é\u0000",
)
NAMES = {
    "env": (
        "leap",
        "jsonl:missing.jsonl",
        "hf:no/such",
        "rg:no_such",
        "gym:No-v0",
        "missing.py:Env",
        "os:getcwd",
        "mixture",
    ),
    "algorithm": ("gpro", "missing.py:Own", "own.py:nothing", "broken.py:Own", "sft"),
    "curriculum": ("unifrom", "missing.py:Own", "own.py:number"),
    "annotator": ("carefull", "own.py:number", "panel"),
    "selector": ("best", "own.py:Empty"),
    "reward": ("verifer", "own.py:Empty", "own.py:number", "broken.py:Own", "raises.py:Own", "mixed"),
}
PLACES = {"env": (), "algorithm": ("rl",), "curriculum": ("rl",), "reward": ("arms", "rl")}
CONTRADICTIONS = (
    {"rl": {"sampling": {"temperature": 0}}},
    {"rl": {"group_size": 1}},
    {"policy": {"path": "./missing"}},
    {"policy": {"tiny": {"hidden": 63}}},
    {"policy": {"tiny": {"context": 8}}},
    {"evaluation": {"headline_level": 99}},
    {"evaluation": {"levels": [77]}},
    {"preference": {"comparisons": "nowhere.jsonl"}},
    {"preference": {"reward_model": {"combine": "min", "members": 1}}},
    {"imitation": None, "arms": {"more": {"method": "imitation"}}},
    {"arms": {"best": {"method": "best_of_n", "policy": "nobody"}}},
    {"arms": {"x": {"method": "own.py:Empty"}}},
    {"arms": {"x": {"method": "no.such:Arm"}}},
    {"arms": {"sft": {"method": "rl"}}},
    {"arms": {"bad name!": {"method": "rl"}}},
    {"arms": {}},
    {"seeds": [0, 0]},
    {"seeds": []},
    {"metrics": ["own.py:number"]},
    {"report_sections": ["missing.py:section"]},
    {"trackers": ["wand"]},
    {"workers": {"backend": "engin"}},
    {"workers": {"backend": "own.py:number"}},
    {"rl": {"optimizer": {"kind": "own.py:number"}}},
    {"rl": {"optimizer": {"kind": "own.py:nothing_made"}}},
    {"imitation": {"demonstrator": {"name": "own.py:Empty"}}},
    {"imitation": {"demonstrator": {"writers": {"a": 0.5}}}},
    {"base": "missing.yaml"},
)
OWN = """
number = 3


class Empty:
    pass


def nothing_made(groups, settings):
    return None
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("def Own(:\n")
    (tmp_path / "raises.py").write_text("Own = undefined_name\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sections(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of every key."""
    found = []
    for key, value in tree.items():
        found.append((*path, key))
        if isinstance(value, dict):
            found += sections(value, (*path, key))
    return found


def at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def misspelt(word: str, rng: random.Random) -> str:
    place = rng.randrange(len(word))
    return rng.choice(
        (word[:place] + word[place + 1 :], word[:place] + rng.choice("abcxyz_") + word[place:], word.upper())
    )


def laid_over(tree: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(tree)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict) and value
        out[key] = laid_over(out[key], value) if both else value
    return out


def mistaken(seed: int) -> str:
    """The text of a config with one mistake, or two."""
    rng = random.Random(seed)
    tree: dict[str, Any] = copy.deepcopy(yaml.safe_load((CONFIG_FOLDER / f"{rng.choice(CONFIGS)}.yaml").read_text()))
    if isinstance(tree.get("base"), str):
        tree["base"] = str(CONFIG_FOLDER / tree["base"])
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.choice(("key", "value", "value", "name", "contradiction", "cut"))
        path = rng.choice(sections(tree))
        if kind == "key":
            parent = at(tree, path[:-1])
            parent[misspelt(str(path[-1]), rng)] = parent.pop(path[-1])
        elif kind == "value":
            at(tree, path[:-1])[path[-1]] = copy.deepcopy(rng.choice(VALUES))
        elif kind == "name":
            part = rng.choice(list(NAMES))
            over: Any = rng.choice(NAMES[part])
            place = {"env": (), "algorithm": ("rl",), "curriculum": ("rl",), "reward": ("arms", "rl")}.get(
                part, ("preference",)
            )
            over = {part: rng.choice((over, {"name": over}, {"name": over, "no_such_setting": 1}))}
            for key in reversed(place):
                over = {key: over}
            tree = laid_over(tree, over)
        elif kind == "contradiction":
            tree = laid_over(tree, copy.deepcopy(rng.choice(CONTRADICTIONS)))
    text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    if rng.random() < 0.05:
        text = text[: rng.randrange(len(text))]
    return text


class FolderWouldBeMade(Exception):
    """The study was about to begin."""


def outcome(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """How `beyond check` and `beyond study` end: "begins", or the sentence of a mistake."""

    def begin(folder: Path) -> None:
        raise FolderWouldBeMade

    monkeypatch.setattr(study_run, "make_folder", begin)
    try:
        with trusting_only([Path.cwd()]):
            experiment = load_experiment([file])
            print_plan(experiment)
            study_run.run_study(experiment, file.parent / "run", quiet=True)
    except FolderWouldBeMade:
        return "begins"
    except UserError as error:
        return str(error) if error.exit_code == EXIT_USAGE else f"exit code {error.exit_code}"
    raise AssertionError("a study neither began nor was refused")


def try_seed(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file = folder / "mistaken.yaml"
    file.write_text(mistaken(seed), encoding="utf-8")
    told = outcome(file, monkeypatch)
    assert not told.startswith("exit code"), told
    assert told == "begins" or (len(told) > 20 and "Traceback" not in told and "object at 0x" not in told), told
    assert not (folder / "run").exists()
    return told


def test_twenty_random_mistakes(folder, monkeypatch):
    told = [try_seed(seed, folder, monkeypatch) for seed in range(24)]
    assert sum(text != "begins" for text in told) >= 12, "the mistakes are hardly ever mistakes"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_random_mistakes(block, folder, monkeypatch):
    for seed in range(1000 + 20 * block, 1000 + 20 * (block + 1)):
        try:
            try_seed(seed, folder, monkeypatch)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}\n{mistaken(seed)}") from error
