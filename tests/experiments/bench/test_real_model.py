"""The bench of a pretrained model, on a tiny chat model."""

import pytest

from experiments.bench.real_model import WordParity, measure_generation, our_step
from policies.tiny import TinyConfig, build_tiny

TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bench") / "chat"
    config = TinyConfig(layers=1, hidden=32, heads=2, context=256)
    policy = build_tiny(config, vocabulary=None, seed=0)
    policy.tokenizer.chat_template = TEMPLATE
    policy.save(place)
    return str(place)


def test_both_samplers_are_measured_on_the_same_prompts(folder):
    rows = {row["sampler"]: row for row in measure_generation(folder, "equal", 1)}
    assert [row["repeats"][0]["amount"] for row in rows.values()] == [64 * 64] * len(rows)
    assert rows["engine"]["engine_in_this"] == 1
    ratio = rows["engine"]["tokens_per_cpu_second"] / rows["generate"]["tokens_per_cpu_second"]
    assert rows["generate"]["engine_in_this"] == pytest.approx(ratio, rel=0.01)


def test_ragged_completions_end_at_the_same_tokens_for_both(folder):
    for row in measure_generation(folder, "ragged", 1):
        assert 64 <= row["repeats"][0]["amount"] < 64 * 64


def test_our_step_is_timed_and_its_memory_read(folder):
    timing, gigabytes = our_step(folder, 0, 1)
    assert timing.cpu_seconds > 0
    assert 64 <= timing.amount <= 64 * 48
    assert 0 < gigabytes < 24


def test_parity_is_of_words():
    env = WordParity()
    problem = env.problem(0)
    assert problem.prompt[0].role == "user"
    assert [env.grade(problem, text).score for text in ("a b", "a b c")] == [1.0, 0.0]
