"""Whatever stands in a config, a user reads what is wrong with it: a UserError, and no other exception.

The shipped configs are mutated, as text and as trees, with seeded randomness; what a mutation makes is loaded and its
components are built. Most mutations must be refused: a fuzzer that changes nothing that matters would prove nothing.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from experiments.config.loading import CONFIG_FOLDER, load_experiment
from experiments.run.errors import UserError
from experiments.study.plan import check_components

CONFIGS = sorted(CONFIG_FOLDER.glob("*.yaml"))
NASTY = [
    None, True, False, 0, -1, 1, 3, 0.5, -0.5, 1e400, -1e400, float("nan"), 10**30, -(10**30), "", " ", "x", "1", "nan",
    "1e400", "é\u202e\U0001f600", "a" * 5000, "../../etc/passwd", "/dev/null", "~", "demo:nothing", "os:system",
    "no/such/file.py:Thing", "a.b.c:d", ":", "?", "leaps?x=1", [], [None], [1, "a"], [[]], {}, {"name": None},
    {"name": "x"}, {"name": ["x"]}, {"": ""}, {1: 2}, {"name": "leaps", "levels": "x"}, {"settings": 3},
    {"name": "grpo", "kl": {"beta": "x"}}, {"name": "mixed"}, {"name": "mixed", "sources": [3]},
]  # fmt: skip


def paths_of(tree, prefix=()):
    """Every place in a tree of mappings and lists."""
    if prefix:
        yield prefix
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths_of(value, (*prefix, key))


def mutate(tree, rng):
    """Replaces, renames or removes one thing, at random."""
    *above, key = rng.choice(list(paths_of(tree)))
    place = tree
    for part in above:
        place = place[part]
    how = rng.choice(["replace", "replace", "replace", "rename", "remove", "add"])
    if how == "replace" or isinstance(place, list):
        place[key] = rng.choice(NASTY)
    elif how == "rename":
        place[rng.choice([f"{key}s", "base", "name", 7, None, "", str(key)[:-1]])] = place.pop(key)
    elif how == "remove":
        del place[key]
    else:
        place[rng.choice(["x", "settings", "trust_remote_code", 7])] = rng.choice(NASTY)


def verdict(path):
    """ "sound" or "refused"; anything but a UserError is a failure of the test."""
    try:
        check_components(load_experiment([path]))
    except UserError as error:
        message = str(error)
        assert message.strip()
        assert "Traceback" not in message
        return "refused"
    return "sound"


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 60))])
def test_mutated_trees_are_sound_or_refused(tmp_path, seed):
    rng = random.Random(f"tree {seed}")
    found = []
    for number in range(40):
        tree = yaml.safe_load(rng.choice(CONFIGS).read_text())
        tree.pop("base", None)
        tree = {"env": "leaps", "policy": {"tiny": {}}, **tree}
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            mutate(tree, rng)
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(tree, allow_unicode=True))
        found.append(verdict(path))
    assert found.count("refused") > 10


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_mutated_text_is_sound_or_refused(tmp_path, seed):
    rng = random.Random(f"text {seed}")
    found = []
    for number in range(60):
        text = bytearray(rng.choice(CONFIGS).read_bytes())
        for _ in range(rng.choice([1, 2, 5])):
            place = rng.randrange(len(text))
            how = rng.choice(["flip", "cut", "insert", "drop"])
            if how == "flip":
                text[place] = rng.randrange(256)
            elif how == "cut":
                del text[place + 1 :]
            elif how == "insert":
                text[place:place] = rng.choice([b"\t", b"{", b"]", b"&a ", b"*a", b"!!python/object:os.system ", b"\0"])
            else:
                del text[place : place + rng.randrange(1, 9)]
        path = tmp_path / f"{number}.yaml"
        path.write_bytes(text)
        (tmp_path / "demo.yaml").write_text((CONFIG_FOLDER / "demo.yaml").read_text())
        found.append(verdict(path))
    assert found.count("refused") > 15


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"a: &a [*a]",
        b"&a {name: x, env: *a}",
        b"[" * 3000,
        b"{a: " * 2000,
        b"a: 2001-12-14t21:59:43.10-05:00\nenv: 2001-12-14",
        b"? [1, 2]\n: 3",
        b"!!binary aGFsbG8=",
        b"!!set {a, b}",
        b"env: leaps\nenv: leaps\npolicy: {tiny: {}}\nseeds: 3",
        b"base: 3",
        b"base: [demo.yaml]",
        b"base: .",
        b"base: ../../../../../../dev/zero",
        b"name: " + b"9" * 5000,
        b"--- a\n--- b\n",
        b"",
        b"null",
        b"3",
        b"- a",
    ],
)
def test_strange_files_are_refused(tmp_path, content):
    path = tmp_path / "strange.yaml"
    path.write_bytes(content)
    assert verdict(path) == "refused"


@pytest.mark.parametrize(
    "override",
    [
        *("", "=", "=3", "rl", "rl=", "rl=3", "rl.steps", "rl.steps=x", "rl..steps=3", ".=3", "rl.steps.deeper=3"),
        *(
            "rl.steps=" + "9" * 5000,
            "rl.steps=\0",
            "rl.optimizer.lr=1e400",
            "rl.optimizer.lr=.nan",
            "seeds=[",
            "seeds=x",
        ),
        *("seeds=[-1]", "seeds=[1000000000000000000000]", "seeds=[]", "seeds=[1, 1]", "workers.num=0", "policy="),
        *(
            "env=",
            "env={",
            "env.name=x",
            "env={name: leaps, levels: 1-99999999999}",
            "env={name: leaps, levels: [1.5]}",
        ),
        *("rl.algorithm=nothing", "rl.algorithm={name: grpo, x: 1}", "policy.path=/no/where", "arms.rl.reward=nothing"),
        *("name=../x", "name=..", "name=a/b", "arms=null", "arms.rl=3", "arms={../x: {}}", "arms={a/b: {}}"),
    ],
)
def test_strange_overrides_are_refused(override):
    with pytest.raises(UserError) as caught:
        check_components(load_experiment(["smoke"], [override]))
    assert str(caught.value).strip()


def test_a_folder_and_an_unreadable_file_are_refused(tmp_path):
    for path in (tmp_path, Path("/dev/null/x"), tmp_path / "none.yaml"):
        with pytest.raises(UserError):
            load_experiment([path])
