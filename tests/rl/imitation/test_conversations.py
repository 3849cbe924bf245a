"""Imitation in environments of several turns: the policy's own words are learned, in the form that rollouts have."""

import pytest

from envs import make
from policies.tiny import TinyConfig, build_tiny
from policies.types import Completion, FinishReason, Request, Sampling
from rl.imitation.demonstrations import (
    DemonstrationSource,
    encode_demonstrations,
    load_demonstrations,
    measure_demonstrator,
    save_demonstrations,
)
from rl.workers.conversations import converse


@pytest.fixture
def game():
    """The calculator's environment, its demonstrations, and a policy that reads characters."""
    env = make("calculator_use", levels=[2])
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=None, seed=0)
    return env, DemonstrationSource(env, env.demonstrator(), single_step_share=0.0), policy


def test_what_the_environment_says_is_read_and_never_imitated(game):
    _, source, policy = game
    demonstration = source.at(0)
    (example,) = encode_demonstrations([demonstration], policy)
    words = "".join(m.content for m in demonstration.transcript)
    assert policy.decode(example.completion) == words
    said = [m.content for m in demonstration.transcript if m.role == "assistant"]
    written = [token for token, is_written in zip(example.completion, example.mask) if is_written]
    assert policy.decode(written) == "".join(said)
    assert sum(token in policy.stop_ids for token in written) == len(said)  # every turn ends with the end token
    assert example.completion[-1] in policy.stop_ids


def test_a_demonstrated_conversation_is_what_a_rollout_of_the_same_words_would_be(game):
    """Token for token, so that RL continues what imitation taught."""
    env, source, policy = game
    demonstration = source.at(1)
    script = iter([m.content for m in demonstration.transcript if m.role == "assistant"])

    class Scripted:
        def generate(self, requests, sampling, *, seed, version):
            tokens = policy.encode_completion(next(script))
            done = Completion(tokens, (0.0,) * len(tokens), policy.decode(tokens), FinishReason.STOP, version)
            return [(done,) for _ in requests]

    prompt = policy.encode(demonstration.problem.prompt)
    requests = [(demonstration.problem, Request(prompt, (1,)))]
    sampling = Sampling(max_new_tokens=500)
    (written,) = converse(env, policy, Scripted(), requests, sampling, seed=0, version=0)[0]
    (example,) = encode_demonstrations([demonstration], policy)
    assert (example.prompt, example.completion) == (prompt, written.completion.tokens)
    assert example.mask == written.action_mask


def test_conversations_survive_a_file(game, tmp_path):
    _, source, _ = game
    save_demonstrations(source.write(3), tmp_path / "talks.jsonl")
    assert load_demonstrations(tmp_path / "talks.jsonl") == source.write(3)


def test_the_line_of_a_demonstrator_of_conversations_is_the_closed_form(game):
    env, _, _ = game
    (line,) = measure_demonstrator(env, env.demonstrator(error_rate=0.2), list(env.problems(150)), repeats=2)
    assert line.accuracy == pytest.approx(0.8**3, abs=0.09)  # three turns; 3 standard errors of 300 tries


def test_a_demonstrator_that_cannot_converse_is_refused_with_what_to_do(game):
    env, _, _ = game

    class Silent:
        levels = (2,)

        def covers(self, problem):
            return True

        def write(self, problem, rng):
            return ""

    with pytest.raises(ValueError, match=r"transcript\(problem, rng\)"):
        DemonstrationSource(env, Silent(), single_step_share=0.0).at(0)
