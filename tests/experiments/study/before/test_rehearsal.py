"""Own parts meet a right and a wrong solution before anything is trained, in conversations as in single turns."""

import pytest

from experiments.config.loading import load_experiment
from experiments.run.errors import UserError
from experiments.study.before.rehearsal import rehearse

REWARDS = '''
"""Rewards of one's own."""
from dataclasses import dataclass
from rl.rewards.base import reward_each


@dataclass(frozen=True)
class Seen:
    path: str

    def compute_rewards(self, groups):
        with open(self.path, "w") as file:
            for row in groups[0].trajectories[:2]:
                turns = [message.role for message in row.transcript]
                print(row.verdict.outcome.value, turns, sum(row.action_mask) == row.num_sampled, file=file)
        return reward_each(groups, lambda row: {"right": row.verdict.answer_share})


class Nothing:
    def compute_rewards(self, groups):
        return None


class Wants:
    def compute_rewards(self, groups):
        return reward_each(groups, lambda row: {"right": float(row.problem.info["no such column"])})
'''


@pytest.fixture
def study(tmp_path):
    """A study of conversations with a reward of one's own."""
    file = tmp_path / "rewards.py"
    file.write_text(REWARDS)

    def made(reward, *, env="guess_number", settings="{}"):
        arms = f"arms={{rl: {{method: rl, reward: {{name: '{file}:{reward}', settings: {settings}}}}}}}"
        sizes = ["policy.tiny.context=300", "rl.sampling.max_new_tokens=120", "evaluation.headline_level=null"]
        return load_experiment(["smoke"], [f"env={env}", "imitation=null", arms, *sizes])

    return made


@pytest.mark.parametrize("env", ["guess_number", "calculator_use"])
def test_a_reward_judges_a_solution_that_was_played_and_a_turn_that_says_nothing(study, tmp_path, env):
    seen = tmp_path / "seen"
    rehearse(study("Seen", env=env, settings=f"{{path: {seen}}}"))
    right, wrong = seen.read_text().splitlines()
    assert right.startswith("correct ['assistant', 'tool', 'assistant'")
    assert wrong.endswith("['assistant'] True")
    assert not wrong.startswith("correct")


@pytest.mark.parametrize(("reward", "told"), [("Nothing", "None"), ("Wants", "no such column")])
def test_a_reward_that_fails_on_conversations_is_told_before_anything_is_trained(study, reward, told):
    with pytest.raises(UserError, match=told):
        rehearse(study(reward))
