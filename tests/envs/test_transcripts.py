"""Environments of several turns: the transcript is the state, and every end has a reason."""

import pickle
import random
import re

import pytest

from envs import Message, make
from envs.tools import calculator
from envs.transcripts import play_episode, prompt_messages
from envs.types import StopReason


def bisect(messages):
    low, high = map(int, re.search(r"from (\d+) to (\d+)", messages[0].content).groups())
    for guess, reply in zip(messages[1::2], messages[2::2]):
        low, high = (int(guess.content) + 1, high) if reply.content == "higher" else (low, int(guess.content) - 1)
    return str((low + high) // 2)


def test_bisection_always_finds_the_number():
    env = make("guess_number")
    for problem in env.problems(60):
        episode = play_episode(env, problem, bisect)
        assert episode.verdict.is_correct
        assert episode.stop is StopReason.COMPLETED
        assert episode.rewards[-1] == 1
        assert len(episode.rewards) <= problem.level + 1


def test_guesses_run_out():
    env = make("guess_number")
    problem = next(p for p in env.problems(20) if p.answer not in p.prompt)
    low = re.search(r"from (\d+)", problem.prompt)[1]
    episode = play_episode(env, problem, lambda messages: low)
    assert episode.stop is StopReason.MAX_TURNS
    assert len(episode.rewards) == problem.info["guesses"]
    assert not episode.verdict.is_correct


def test_a_turn_without_a_number_ends_the_game():
    env = make("guess_number")
    episode = play_episode(env, env.problem(0), lambda messages: "pass")
    assert (episode.stop, episode.verdict.outcome) == (StopReason.PARSE_ERROR, "unparseable")


def test_the_hidden_number_belongs_to_the_identity():
    env = make("guess_number", levels=[5])
    problems = list(env.problems(3000))
    by_prompt = {}
    for p in problems:
        by_prompt.setdefault(p.prompt, set()).add((p.answer, p.id))
    assert any(len(pairs) > 1 for pairs in by_prompt.values())
    assert all(len({a for a, _ in pairs}) == len({i for _, i in pairs}) for pairs in by_prompt.values())


def test_steps_are_pure_functions_of_the_transcript():
    env = make("guess_number")
    problem = env.problem(1)
    turns = [Message("assistant", "1")]
    assert env.step(problem, turns) == pickle.loads(pickle.dumps(env)).step(problem, turns) == env.step(problem, turns)


def test_a_calculator_answers_calls_in_the_transcript():
    env = make("calculator_use")
    problem = env.problem(2, level=3)
    calls = [step.partition("=")[0] for step in problem.solution]
    script = iter([*calls, f"#### {problem.answer}"])
    episode = play_episode(env, problem, lambda messages: next(script))
    assert episode.verdict.is_correct
    results = [m.content for m in episode.turns if m.role == "tool"]
    assert results == ["=" + step.partition("=")[2] for step in problem.solution]
    env.toolbox.close()


def test_calls_in_json_and_calls_that_cannot_be_read():
    env = make("calculator_use", form="json", max_turns=3)
    problem = env.problem(0)
    script = iter(
        [
            '<tool_call>{"name": "calculator", "arguments": {"expression": "6*7"}}</tool_call>',
            "<tool_call>oops",
            '<tool_call>{"name": "calculator", "arguments": {"expression": "1"}}</tool_call>',
        ]
    )
    episode = play_episode(env, problem, lambda messages: next(script))
    results = [m.content for m in episode.turns if m.role == "tool"]
    assert results[0] == "<tool_response>42</tool_response>"
    assert results[1].startswith("<tool_response>error: the call is not JSON")
    assert episode.stop is StopReason.MAX_TURNS
    assert problem.info["tools"] == [calculator.schema]  # for the chat template
    assert "tools" not in make("calculator_use").problem(0).info
    env.toolbox.close()


@pytest.mark.parametrize("name", ["guess_number", "calculator_use", "calculator_use?form=json"])
def test_demonstrations_of_conversations_are_played(name):
    """What the demonstrator reads is what the environment says, and the last word is the demonstrator's."""
    env = make(name)
    writer = env.demonstrator()
    for problem in env.problems(10):
        transcript = writer.transcript(problem, random.Random(0))
        assert [m.role for m in transcript[::2]] == ["assistant"] * (len(transcript) // 2 + 1)
        assert env.grade_transcript(problem, transcript).is_correct
        for end in range(1, len(transcript), 2):
            assert env.step(problem, transcript[:end]).observation == transcript[end].content


def test_a_slip_in_a_conversation_is_gone_on_from():
    """A mistyped number changes what the calculator says, and the next call uses what it said."""
    env = make("calculator_use", levels=[2])
    writer = env.demonstrator(error_rate=0.3)
    right = wrong = carried = 0
    for index, problem in enumerate(env.problems(200)):
        transcript = writer.transcript(problem, random.Random(index))
        is_right = env.grade_transcript(problem, transcript).is_correct
        right, wrong = right + is_right, wrong + (not is_right)
        if len(transcript) == 5 and transcript[0].content != env.turns(problem, problem.solution, "")[0][0]:
            said = transcript[1].content.removeprefix("=")
            carried += said in transcript[2].content
    # three turns, each without a slip with probability .7; a slip always reaches the answer
    assert right / 200 == pytest.approx(0.7**3, abs=0.1)
    assert carried > 20
    env.toolbox.close()


def test_a_demonstrator_who_gives_up_answers_with_what_he_has():
    env = make("calculator_use", levels=[3])
    transcript = env.demonstrator(horizon=1).transcript(env.problem(0), random.Random(0))
    assert len(transcript) == 3
    env.toolbox.close()


def test_a_demonstrator_may_answer_at_once_without_the_tool():
    env = make("calculator_use", levels=[2])
    terse = env.demonstrator(styles={"plain": 0.5, "terse": 0.5})
    lengths = [len(terse.transcript(env.problem(i), random.Random(i))) for i in range(40)]
    assert set(lengths) == {1, 5}  # the answer; or two calls, two results and the answer
    (message,) = env.demonstrator(styles={"terse": 1.0}).transcript(problem := env.problem(0), random.Random(0))
    assert message.content == f"#### {problem.answer}"
    assert env.grade_transcript(problem, (message,)).is_correct
    slips = env.demonstrator(styles={"terse": 1.0}, error_rate=0.99).transcript(problem, random.Random(0))
    assert not env.grade_transcript(problem, slips).is_correct
    env.toolbox.close()


def test_prompts_as_messages():
    env = make("countdown", template="system")
    assert [m.role for m in prompt_messages(env.problem(0))] == ["system", "user"]
    assert [m.role for m in prompt_messages(make("countdown").problem(0))] == ["user"]
