"""Loading a model runs no code that came with it: not a Python file beside it, not a pickle inside it."""

from __future__ import annotations

import json
import os
import pickle
import zipfile

import pytest
import torch

from policies.causal import load_policy
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
