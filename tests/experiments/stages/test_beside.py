"""What a stage in progress keeps beside its checkpoints is found again as it was, or refused by name."""

import json
import shutil

import pytest

from experiments.run.errors import UserError
from experiments.stages.kept.beside import CARD, KeptBeside, check_set_aside, set_aside
from rl.learning.checkpoint import CheckpointError, Checkpoints

ROWS = '{"stage": "rl", "step": 1}\n{"stage": "rl", "step": 2}\n'


class OnePolicy:
    """A policy of one file."""

    def __init__(self, weights):
        self.weights = weights

    def save(self, folder):
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_text(self.weights)


@pytest.fixture
def stage(tmp_path):
    """A stage's folder with a log, a policy that was set aside at step 1, and a checkpoint of step 2."""
    (tmp_path / "metrics.jsonl").write_text(ROWS)
    set_aside(OnePolicy("one"), tmp_path / "best", {"step": 1, "merit": 0.5})
    checkpoints(tmp_path).save(2, {"step": 2})
    return tmp_path


def checkpoints(stage):
    return Checkpoints(stage / "checkpoints", beside=KeptBeside(stage))


def test_what_is_as_it_was_or_has_grown_is_gone_on_from(stage):
    assert checkpoints(stage).latest(print).state == {"step": 2}
    (stage / "metrics.jsonl").write_text(ROWS + '{"stage": "rl", "step": 3}\n')
    set_aside(OnePolicy("two"), stage / "best", {"step": 3, "merit": 0.75})
    check_set_aside(stage / "best")
    assert checkpoints(stage).latest(print).step == 2


@pytest.mark.parametrize("content", ["", ROWS[:-3], ROWS.replace("2", "3"), None])
def test_a_log_that_lost_rows_or_has_others_is_refused_by_name(stage, content):
    if content is None:
        (stage / "metrics.jsonl").unlink()
    else:
        (stage / "metrics.jsonl").write_text(content)
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl was cut short or changed"):
        checkpoints(stage).latest(print)


def test_a_card_that_is_gone_or_another_is_refused_by_name(stage):
    shutil.move(stage / "best", stage / "other")
    with pytest.raises(CheckpointError, match=r"best/snapshot\.json is missing"):
        checkpoints(stage).latest(print)
    set_aside(OnePolicy("three"), stage / "best", {"step": 0, "merit": 0.5})
    with pytest.raises(CheckpointError, match=r"best/snapshot\.json is another"):
        checkpoints(stage).latest(print)


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"step": 1, "merit": 0.9, "sha256": "0"}'])
def test_a_damaged_card_or_policy_is_refused_by_name(stage, content):
    policy, card = stage / "best" / "policy" / "model.safetensors", stage / "best" / CARD
    sound = card.read_text()
    card.write_text(content)
    with pytest.raises(UserError, match=CARD):
        check_set_aside(stage / "best")
    card.write_text(sound)
    policy.write_text("owe")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing, was cut short or changed"):
        check_set_aside(stage / "best")


def test_a_writer_that_was_killed_leaves_the_policy_of_before_or_the_new_one(stage):
    (stage / "best").rename(stage / ".best.former")  # between the two renames
    (stage / ".best.writing").mkdir()
    check_set_aside(stage / "best")
    assert json.loads((stage / "best" / CARD).read_text())["step"] == 1
    assert not [path for path in stage.iterdir() if path.name.startswith(".best")]
