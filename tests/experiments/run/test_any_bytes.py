"""Whatever a file holds, reading it gives what was written or a sentence, and no other exception."""

import json
from contextlib import suppress

import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from envs.registry import make
from experiments.config.loading import load_experiment
from experiments.config.yaml_text import parse_yaml
from experiments.run.errors import UserError
from experiments.run.folders import read_json, read_jsonl, read_object
from experiments.run.manifest import read_manifest, seal
from rl.learning.checkpoint import CheckpointError, Checkpoints, read_checkpoint
from rl.rollouts.log import DamagedLogError, RolloutLog

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
rows = st.dictionaries(
    st.sampled_from(["prompt", "answer", "level", "split", "solution", "x"]),
    json_values | st.sampled_from(["1 + 1 ?", "2", "train", "test", 1, 2]),
    max_size=5,
)


@st.composite
def damaged(draw, content):
    """The bytes with some replaced, inserted or cut off; or entirely others."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(found)))
        found[place : place + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(found)


@few
@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_json(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    for read in (read_json, lambda path: read_object(path, "a"), lambda path: list(read_jsonl(path))):
        with suppress(UserError):
            read(path)


@few
@given(st.text(max_size=200) | st.text("ab:-[]{}&*!#?|>'\"\n ,%@0123456789.", max_size=120))
def test_any_text_as_yaml_and_as_a_config(tmp_path, text):
    with suppress(UserError):
        parse_yaml(text, "text")
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(UserError):  # none of these is a whole config
        load_experiment([path])


@few
@given(st.dictionaries(st.sampled_from(["rl", "policy", "env", "arms", "evaluation", "seeds", "name"]), json_values))
def test_any_values_as_sections_of_a_config(tmp_path, tree):
    path = tmp_path / "x.yaml"
    path.write_text(json.dumps({"base": "smoke.yaml", **tree}))
    with suppress(UserError):
        load_experiment([path])


@few
@given(st.lists(rows, min_size=1, max_size=4))
def test_any_rows_as_problems(tmp_path, found):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    for invalid in ("refuse", "drop"):
        with suppress(ValueError):
            env = make(f"jsonl:{path}", invalid=invalid)
            assert all(problem.answer for split in env.rows.values() for problem in split)


STATE = {"weights": {"a": torch.arange(6.0), "b": torch.ones(2, 2)}, "step": 3}


@few
@given(st.data())
def test_any_bytes_in_a_checkpoint(tmp_path, data):
    folder = Checkpoints(tmp_path / "checkpoints", identity={"stage": "rl"}).save(3, STATE)
    name = data.draw(st.sampled_from(["manifest.json", "state.json", "tensors.safetensors"]))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(data.draw(damaged(content)))
    try:
        found = read_checkpoint(folder)
    except CheckpointError as error:
        event(str(error).partition(":")[0][:40])
        return
    assert found.state["step"] == 3
    assert torch.equal(found.state["weights"]["a"], STATE["weights"]["a"])


@few
@given(st.data())
def test_any_bytes_as_rollouts(tmp_path, data):
    log = RolloutLog(tmp_path / "rollouts")
    log.truncate(0)
    path = log.write(0, [], version=7)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    version, told = None, ""
    try:
        version = log.read(0).version
    except DamagedLogError as error:
        told = str(error)
    assert version == 7 or str(path) in told


@few
@given(st.data())
def test_any_bytes_as_a_manifest(tmp_path, data):
    (tmp_path / "card.json").write_text("{}")
    (tmp_path / "manifest.json").unlink(missing_ok=True)
    seal(tmp_path, {"seed": 0, "stage": "rl", "config": "c"}, {})
    path, expected = tmp_path / "manifest.json", read_manifest(tmp_path)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    found, told = None, ""
    try:
        found = read_manifest(tmp_path)
    except UserError as error:
        told = str(error)
    assert found == expected or "manifest.json" in told
