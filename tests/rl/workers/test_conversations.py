"""Conversations: whose token is whose, what each turn was conditioned on, and where a conversation ends."""

import pytest

from envs import make
from envs.environment import Environment
from envs.types import Message, Problem, Step, StopReason
from policies.types import Completion, FinishReason, Request, Sampling
from rl.workers.conversations import converse, encode_prompt, observation_tokens, turn_seed

STOP = 0


class LetterPolicy:
    """Characters as tokens; 0 ends a turn."""

    stop_ids = (STOP,)

    def decode(self, tokens):
        return "".join(chr(t) for t in tokens if t != STOP)

    def encode_completion(self, text):
        return (*map(ord, text), STOP)


class ScriptedSampler:
    """Writes the next line of a script for every uid, and keeps what it was asked."""

    def __init__(self, scripts):
        self.scripts = {uid: list(lines) for uid, lines in scripts.items()}
        self.asked = []

    def generate(self, requests, sampling, *, seed, version):
        self.asked.append((requests, seed))
        return [
            tuple(self._write(uid, request.limit(sampling), version) for uid in request.uids) for request in requests
        ]

    def _write(self, uid, limit, version):
        line = self.scripts[uid].pop(0)
        tokens = (*map(ord, line), STOP)
        kept = tokens[:limit]
        finish = FinishReason.STOP if kept == tokens else FinishReason.LENGTH
        return Completion(kept, (-0.5,) * len(kept), line[: len(kept)], finish, version)


class Echo(Environment):
    """Answers `x` with `(x)` and pays a tenth, until a turn says "end"."""

    max_turns = 3

    def step(self, problem, transcript):
        last = transcript[-1].content
        if last == "end":
            return Step(None, reward=1.0, stop=StopReason.COMPLETED)
        return Step(f"({last})", reward=0.1)


def play(scripts, limit=100, env=None):
    sampler = ScriptedSampler(scripts)
    problem = Problem("p", "")
    requests = [(problem, Request((ord("p"),), tuple(scripts)))]
    written = converse(
        env or Echo(), LetterPolicy(), sampler, requests, Sampling(max_new_tokens=limit), seed=5, version=3
    )
    return written[0], sampler


def test_tokens_of_policy_and_environment_are_told_apart():
    (written,), _ = play({7: ["ab", "end"]})
    #            a  b  .  (  a  b  )  e  n  d  .
    assert written.action_mask == (1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1)
    assert written.completion.text == "ab(ab)end"
    assert written.completion.logprobs == (-0.5,) * 3 + (0.0,) * 4 + (-0.5,) * 4
    assert written.token_rewards == (0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0, 1.0)
    assert written.transcript == (Message("assistant", "ab"), Message("tool", "(ab)"), Message("assistant", "end"))
    assert (written.completion.finish, written.completion.version) == (FinishReason.STOP, 3)
    assert written.stop is StopReason.COMPLETED
    assert written.num_sampled == 7


def test_every_turn_continues_the_very_tokens_before_it():
    (written, _), sampler = play({7: ["ab", "cd", "e"], 8: ["end"]})
    tokens = written.completion.tokens
    first, second, third = sampler.asked
    assert first[0] == [Request((ord("p"),), (7, 8))]  # one prefill for both rollouts
    assert second[0] == [Request((ord("p"), *tokens[:7]), (7,), max_new_tokens=93)]  # uid 8 is over
    assert third[0] == [Request((ord("p"), *tokens[:14]), (7,), max_new_tokens=86)]
    assert [seed for _, seed in sampler.asked] == [5, turn_seed(5, 1), turn_seed(5, 2)]
    assert len({5, turn_seed(5, 1), turn_seed(5, 2), turn_seed(6, 1)}) == 4


def test_the_last_turn_ends_the_conversation_without_an_answer():
    (written,), sampler = play({7: ["a", "b", "c", "never"]})
    assert len(sampler.asked) == 3
    assert written.transcript[-1] == Message("assistant", "c")
    assert written.completion.finish is FinishReason.STOP


def test_the_length_limit_is_for_the_whole_conversation():
    (written,), _ = play({7: ["ab", "cdefgh"]}, limit=10)  # 3 + 4 tokens, so three of the second turn are left
    assert written.completion.text == "ab(ab)cde"
    assert len(written.completion.tokens) == 10
    assert written.completion.finish is FinishReason.LENGTH
    assert written.stop is StopReason.MAX_TOKENS
    assert written.transcript[-1] == Message("assistant", "cde")


def test_every_conversation_is_asked_with_the_room_of_its_own():
    (short, long), sampler = play({7: ["aaaa", "bbbbbb"], 8: ["a", "bbbbbb"]}, limit=13)
    # room after the first turns: 13 - 5 - 6 = 2 and 13 - 2 - 3 = 8
    assert [request.max_new_tokens for request in sampler.asked[1][0]] == [2, 8]
    assert short.completion.text.endswith(")bb")
    assert (short.completion.finish, len(short.completion.tokens)) == (FinishReason.LENGTH, 13)
    assert long.completion.text.startswith("a(a)bbbbbb")


def test_an_answer_that_leaves_no_room_ends_the_conversation_and_is_not_shown():
    (written,), _ = play({7: ["abc", "never"]}, limit=8)  # 4 tokens, and an answer of 5
    assert written.action_mask == (1, 1, 1, 1)
    assert written.completion.finish is FinishReason.LENGTH
    assert written.transcript == (Message("assistant", "abc"),)


CHAT = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def chat_policy():
    from policies.tiny import TinyConfig, build_tiny

    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=None, seed=0)
    policy.tokenizer.chat_template = CHAT
    return policy


def test_in_a_chat_the_template_writes_the_tools_message(chat_policy):
    problem = Problem((Message("user", "hi"),), "")
    talk = [{"role": "user", "content": "hi"}]
    said = chat_policy.encode_completion("call")
    seen = observation_tokens(chat_policy, problem, "42")
    whole = [*talk, {"role": "assistant", "content": "call"}, {"role": "tool", "content": "42"}]
    assert (*chat_policy.encode(talk), *said, *seen) == chat_policy.encode(whole)
    assert chat_policy.decode(seen) == "<tool>42<assistant>"


def test_after_a_stop_text_the_template_ends_the_turn(chat_policy):
    problem = Problem((Message("user", "hi"),), "")
    seen = observation_tokens(chat_policy, problem, "42")
    assert observation_tokens(chat_policy, problem, "42", after_end=False) == (chat_policy.stop_ids[0], *seen)


WITH_TOOLS = "{% for t in tools or [] %}<tool>{{ t['function']['name'] }}{% endfor %}" + CHAT


def test_tools_are_written_by_the_chat_template_or_refused(chat_policy):
    problem = make("calculator_use?form=json&template=chat").problem(0)
    with pytest.raises(ValueError, match="writes no tools"):
        encode_prompt(chat_policy, problem)
    chat_policy.tokenizer.chat_template = WITH_TOOLS
    assert chat_policy.decode(encode_prompt(chat_policy, problem)).startswith("<tool>calculator<user>Compute")
    inline = make("calculator_use?template=chat").problem(0)
    assert chat_policy.decode(encode_prompt(chat_policy, inline)).startswith("<user>Compute")


def test_a_template_that_rewrites_the_past_is_refused(chat_policy):
    chat_policy.tokenizer.chat_template = "{{ messages | length }} messages{{ eos_token }}" + CHAT
    with pytest.raises(ValueError, match="continuation"):
        observation_tokens(chat_policy, Problem((Message("user", "hi"),), ""), "42")


def test_a_game_is_played_by_a_real_policy_and_judged_on_its_conversation(tiny_policy, tmp_path):
    from envs.types import EnvSpec
    from policies.tiny import TinyConfig, build_tiny
    from rl.rollouts.shards import make_shards
    from rl.rollouts.wait import run_shards
    from rl.workers import PolicySpec, WorkerSpec, make_workers

    build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=512), vocabulary=None, seed=1).save(tmp_path)
    spec = WorkerSpec(policy=PolicySpec(str(tmp_path)), env=EnvSpec("guess_number"), seed=2)
    problems = list(make(spec.env).problems(3))
    shards = make_shards(problems, group_size=4, step=0, shard_size=2, sampling=Sampling(max_new_tokens=60))
    workers = make_workers("inline", spec)
    groups = run_shards(workers, shards)
    again = run_shards(workers, shards)
    workers.close()
    env = make(spec.env)
    for group, other in zip(groups, again):
        for row, twin in zip(group.trajectories, other.trajectories):
            assert row.completion == twin.completion
            assert row.verdict.outcome is env.grade_transcript(row.problem, row.transcript).outcome
            assert len(row.action_mask) == len(row.completion.tokens) <= 60


def test_the_last_turn_that_is_allowed_ends_a_conversation_with_its_reason():
    (written,), _ = play({7: ["ab", "cd", "ef"]})  # Echo answers for ever, and allows three turns
    assert (written.stop, written.transcript[-1]) == (StopReason.MAX_TURNS, Message("assistant", "ef"))


class Tale(Environment):
    """Answers every turn with as many words as the problem says: conversations of one batch differ in length."""

    max_turns = 3

    def step(self, problem, transcript):
        return Step(" ".join(["1"] * int(problem.answer)))


@pytest.mark.parametrize("sampler", ["native", "lean", "generic", "generate", "continuous"])
def test_a_batch_of_unequal_conversations_fits_the_context(sampler):
    """The longest conversation has little room, the shortest has much: both at once must not outgrow the context."""
    from policies.kernels import load_kernels
    from policies.sampling.engine import DECODERS, SamplingEngine
    from policies.tiny import TinyConfig, build_tiny

    if sampler == "native" and load_kernels() is None:
        pytest.skip("no C compiler")
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=40), vocabulary=["1", "2"], seed=4)
    chosen = {"decoder": sampler} if sampler in DECODERS else {"backend": sampler}
    engine = SamplingEngine(policy, **chosen)
    problems = [Problem("1", str(words)) for words in (0, 1, 9, 20)]
    requests = [(problem, Request(encode_prompt(policy, problem), (10 * i, 10 * i + 1))) for i, problem in
                enumerate(problems)]  # fmt: skip
    limit = 40 - len(requests[0][1].prompt)
    played = converse(Tale(), policy, engine, requests, Sampling(max_new_tokens=limit), seed=1, version=0)
    lengths = [len(row.completion.tokens) for group in played for row in group]
    assert max(lengths) <= limit
    assert len(set(lengths)) > 2
    assert all(len(row.action_mask) == len(row.completion.tokens) for group in played for row in group)
    if sampler in DECODERS:  # alone or beside others, with room to spare or not: the same conversation
        alone = [converse(Tale(), policy, engine, [pair], Sampling(max_new_tokens=limit), seed=1, version=0)[0]
                 for pair in requests]  # fmt: skip
        assert [[row.completion.tokens for row in group] for group in alone] == [
            [row.completion.tokens for row in group] for group in played
        ]
