"""The index lists what the logs hold, finds what is asked for, and follows a run."""

import pytest

from experiments.view.index import Filters, RolloutIndex
from rl.rollouts.log import RolloutLog


@pytest.fixture
def index(study):
    made = RolloutIndex(study)
    made.update()
    yield made
    made.close()


def uids(page):
    return [(row["arm"], row["step"], row["uid"]) for row in page["rows"]]


def test_every_rollout_is_listed_once_in_the_order_of_steps(index):
    page = index.page(Filters(), limit=500)
    assert page["total"] == len(page["rows"]) == 2 * 2 * 8
    assert [row["step"] for row in page["rows"]] == sorted(row["step"] for row in page["rows"])
    assert index.update() == 0  # nothing new


@pytest.mark.parametrize(
    ("filters", "num"),
    [
        (Filters(arm="rl"), 16),
        (Filters(arm="rl", solution="right"), 6),
        (Filters(level=1, step_from=1), 8),
        (Filters(step_to=0, outcome="correct"), 3),
        (Filters(reward_from=1.0, reward_to=3.0), 8),
        (Filters(text="onerror"), 16),
        (Filters(text="100%"), 0),  # a percent sign is a character, not a wildcard
        (Filters(right_in="rl", wrong_in="rlhf"), 8),  # problem p alone: rl solves it three times of four
        # of a step's rewards 3, 1, .5 and five zeros, 7/8, 6/8, 5/8 and none lie below: only 3 is high
        (Filters(proxy_high=True, arm="rlhf"), 2),
        (Filters(tokens_from=3), 0),
        (Filters(arm="'; DROP TABLE rollouts; --"), 0),
    ],
)
def test_filters_select_what_they_say(index, filters, num):
    assert index.page(filters)["total"] == num


def test_orders_and_pages(index):
    rewards = [row["reward"] for row in index.page(Filters(), order="reward", limit=500)["rows"]]
    assert rewards == sorted(rewards, reverse=True)
    whole = uids(index.page(Filters(), limit=32))
    assert uids(index.page(Filters(), limit=10)) + uids(index.page(Filters(), offset=10, limit=22)) == whole
    with pytest.raises(ValueError, match="order is 'random'"):
        index.page(Filters(), order="random")


def test_a_rollout_is_read_back_from_the_log(index):
    row = index.page(Filters(arm="rl", problem=None, level=1))["rows"][1]
    facts, group, trajectory, _ = index.rollout(row["id"])
    assert (trajectory.uid, trajectory.reward, group.problem.text) == (row["uid"], row["reward"], "p?")
    assert trajectory.completion.logprobs == (-0.1, -3.0)
    assert len(index.siblings(facts)) == 4
    with pytest.raises(LookupError):
        index.rollout(10**6)


def test_steps_that_come_go_or_change_are_followed(index, study):
    log = RolloutLog(study / "seed-0" / "rl" / "rollouts")
    groups = log.read(1).groups
    log.truncate(1)  # the run went back to a checkpoint
    assert index.update() == 1
    assert index.page(Filters(arm="rl"))["total"] == 8
    log.write(1, groups[:1])
    log.write(2, groups)
    assert index.update() == 2
    assert index.page(Filters(arm="rl"))["total"] == 8 + 4 + 8


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_damaged_step_is_named_and_the_others_are_listed(study, is_folder):
    path = study / "seed-0" / "rl" / "rollouts" / "step-00000001.jsonl.gz"
    content = path.read_bytes()
    path.unlink()
    if is_folder:
        path.mkdir()
    else:
        path.write_bytes(content[:-30])
    index = RolloutIndex(study)
    index.update()
    (trouble,) = index.choices()["trouble"]
    assert trouble["path"].endswith(path.name)
    assert index.page(Filters())["total"] == 24
    index.close()


def test_a_damaged_index_is_built_anew(study):
    first = RolloutIndex(study)
    first.update()
    first.close()
    first.path.write_bytes(b"no database" * 100)
    again = RolloutIndex(study)
    assert again.update() == 4
    assert again.page(Filters())["total"] == 32
    again.close()


def test_a_study_that_cannot_be_written_to_has_its_index_elsewhere(study, monkeypatch):
    import tempfile

    real = tempfile.TemporaryFile

    def refuse(*args, dir=None, **settings):
        if dir is not None and str(dir).startswith(str(study)):
            raise OSError("read-only")
        return real(*args, dir=dir, **settings)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    index = RolloutIndex(study)
    assert study not in index.path.parents
    index.update()
    assert index.page(Filters())["total"] == 32
    index.close()
    assert not index.path.exists()
