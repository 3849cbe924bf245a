"""Loading a model runs no code that came with it, and files that are no model are told in a sentence."""

from __future__ import annotations

import json
import os
import pickle
import zipfile

import pytest
import torch

from policies.causal import load_policy
from policies.pretrained.foreign import render
from policies.tiny import TinyConfig, build_tiny


@pytest.fixture
def folder(tmp_path):
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=32), vocabulary=("a", "b"), seed=0)
    policy.save(tmp_path / "model")
    return tmp_path / "model"


def test_python_files_of_a_model_are_not_run_unless_asked(folder, tmp_path):
    mark = tmp_path / "was here"
    (folder / "modeling_foreign.py").write_text(f"open({str(mark)!r}, 'w')\nclass Foreign: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "foreign", "auto_map": {"AutoConfig": "modeling_foreign.Foreign"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="trust_remote_code"):
        load_policy(folder)
    assert not mark.exists()


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("how", ["plain pickle", "torch archive"])
def test_weights_in_a_pickle_are_not_unpickled_as_objects(folder, tmp_path, how):
    mark = tmp_path / "boom"
    (folder / "model.safetensors").unlink()
    weights = folder / "pytorch_model.bin"
    if how == "plain pickle":
        weights.write_bytes(pickle.dumps(Bomb(mark)))
    else:
        torch.save({"w": torch.zeros(1)}, weights)
        with zipfile.ZipFile(weights) as old:
            files = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(weights, "w") as new:
            for name, content in files.items():
                new.writestr(name, pickle.dumps(Bomb(mark)) if name.endswith("data.pkl") else content)
    with pytest.raises(Exception):  # noqa: B017, PT011 -- whatever transformers says: what matters is what it does not do
        load_policy(folder)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()  # the bomb works


# ---------------------------------------------------------------- files that are no model


def chat(folder, template):
    (folder / "chat_template.jinja").write_text(template)
    return load_policy(folder)


MESSAGES = ({"role": "user", "content": "a"},)


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no system role') }}",
        "{{ nothing.at.all }}",
        "{{ 1 / 0 }}",
        "{% for m in messages %}",
        "{{ ''.__class__.__mro__ }}",
        "{% for i in range(10**6) %}{% endfor %}",
    ],
)
def test_a_chat_template_that_fails_is_a_sentence(folder, template):
    with pytest.raises(ValueError, match=r"chat template fails: \w+"):
        chat(folder, template).encode(MESSAGES)


def test_a_chat_template_that_does_not_end_is_ended():
    def loops():
        while True:
            pass

    with pytest.raises(ValueError, match=r"did not end within 0\.2 s"):
        render(loops, seconds=0.2)
    assert render(lambda: "written", seconds=60) == "written"


def test_loops_within_loops_of_a_template_are_ended(folder, monkeypatch):
    monkeypatch.setattr("policies.pretrained.foreign.render.__kwdefaults__", {"seconds": 0.5})
    loops = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    with pytest.raises(ValueError, match="did not end within"):
        chat(folder, loops).encode(MESSAGES)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("num_hidden_layers", 10**9), ("vocab_size", -1), ("hidden_size", "64"), ("hidden_size", True)],
)
def test_sizes_that_no_model_has_are_refused_before_anything_is_made(folder, setting, value):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {setting: value}))
    with pytest.raises(ValueError, match=rf"config.json: {setting} is"):
        load_policy(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", b"hello, this is no model at all", b"[" * 9999]
)
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_files_of_a_model_are_a_sentence(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises((ValueError, OSError)) as told:
        load_policy(folder)
    assert str(told.value)
