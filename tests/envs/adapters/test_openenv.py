"""OpenEnv, with the library itself: their environments here, in process and over a connection, and ours served."""

import contextlib
import http.client
import random
import socket
import threading
import time
from pathlib import Path

import pytest

from envs import EnvGrader, EnvSpec, make
from envs.check.conformance import check_environment
from envs.transcripts import play_episode
from envs.types import Message, StopReason
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome

pytest.importorskip("openenv", reason="openenv is not installed: pip install -e '.[openenv]'")

GAMES = Path(__file__).parent / "openenv_games.py"


def game(name, **settings):
    return make(f"openenv:{GAMES}:{name}", **settings)


def bisect(low=0, high=15):
    """A policy for the game: halves the range that the replies leave."""

    def policy(messages):
        a, b = low, high
        for turn, reply in zip(messages[1::2], messages[2::2]):
            a, b = (int(turn.content) + 1, b) if reply.content == "higher" else (a, int(turn.content) - 1)
        middle = (a + b) // 2
        return str(middle if middle != 13 else 14 if b > 13 else 12)

    return policy


# ---------------------------------------------------------------- their environments, in process


def test_a_class_is_played_in_text():
    env = game("Game", max_turns=6)
    problems = list(env.problems(20))
    episodes = [play_episode(env, problem, bisect()) for problem in problems]
    solved = [e for e in episodes if e.stop is StopReason.COMPLETED]
    assert len(solved) >= 18  # all but those whose number is 13, which nobody may say
    assert all(e.verdict.is_correct and sum(e.rewards) == 1 for e in solved)
    assert not play_episode(env, problems[0], lambda messages: "99").verdict.is_correct


def test_equal_seeds_give_equal_episodes_so_a_group_plays_one_problem():
    env = game("Game")
    problem = env.problem(3)
    first, second = (play_episode(env, problem, bisect()) for _ in range(2))
    assert first.turns == second.turns
    assert game("Game").problem(3) == problem


def test_hidden_problems_are_told_apart_by_their_seed_and_stated_ones_by_their_text():
    assert game("Game").identity == "seed"
    sums = game("Sums")
    assert sums.identity == "observation"
    train, test = ({p.prompt for p in sums.problems(60, split=s, seed=i)} for i, s in enumerate(("train", "test")))
    assert not train & test  # of 900 sums, 45 are for testing: seeds alone would share some
    assert len(test) > 20


def test_a_class_passes_the_check():
    report = check_environment(game("Game"), num=20, hostile=False, fresh_process=False)
    assert report.is_ok, report.text()


@pytest.mark.parametrize("name", ["Forgetful", "ForgetfulInSecret"])
def test_an_environment_that_ignores_its_seed_teaches_nothing(name):
    env = game(name, identity="seed", max_turns=6)
    problem = env.problem(0)
    verdicts = []
    for guess in range(12):
        turns = [Message("assistant", str(guess))]
        step = env.step(problem, turns)
        if step.observation is not None:
            turns += [Message("tool", step.observation), Message("assistant", "7")]
        verdicts.append(env.grade_transcript(problem, turns))
    faults = [v for v in verdicts if v.outcome is Outcome.ERROR]
    assert faults
    assert "does not repeat itself" in faults[0].detail
    if name == "Forgetful":  # what it states at reset gives it away at the first turn
        assert len(faults) == len(verdicts)


def test_the_check_finds_an_environment_that_ignores_its_seed():
    report = check_environment(game("Forgetful", identity="observation"), num=10, hostile=False, fresh_process=False)
    assert "deterministic" in [finding.check for finding in report.problems]


@pytest.mark.parametrize("turn", ["seven", "", "7 or 8", "1e3", "9" * 30_000])
def test_turns_that_are_no_action_end_the_episode(turn):
    env = game("Game")
    episode = play_episode(env, env.problem(0), lambda messages: turn)
    assert (episode.stop, episode.verdict.outcome) == (StopReason.PARSE_ERROR, Outcome.UNPARSEABLE)


def test_an_environment_that_fails_is_an_error_and_no_wrong_answer():
    env = game("Game")
    problem = next(p for p in env.problems() if not env.grade(p, "13").is_correct)
    episode = play_episode(env, problem, lambda messages: "13")
    assert (episode.stop, episode.verdict.outcome) == (StopReason.ERROR, Outcome.ERROR)
    assert "superstitious" in episode.verdict.detail


def test_several_fields_are_written_as_json():
    with pytest.raises(ValueError, match=r"row, column.*action=json"):
        game("Board")
    with pytest.raises(ValueError, match="also need column"):
        game("Board", action="row")
    env = game("Board", action="json", success=1.0)
    turns = iter(['{"row": 1, "column": 2}', '{"row": 1, "column": 1}'])
    assert play_episode(env, env.problem(0), lambda messages: next(turns)).verdict.is_correct
    for turn in ("1, 2", "[1, 2]", '{"row": 1}', '{"row": 1, "column": 2, "cheat": 3}', "[" * 100_000):
        assert env.grade(env.problem(0), turn).outcome is Outcome.UNPARSEABLE


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no.such.module:Game", "no module"),
        (f"{GAMES}:Gone", "expected a subclass"),
        (f"{GAMES}:Guess", "expected a subclass"),
        (f"{GAMES}:Waiting", "asynchronous"),
        (f"{GAMES}:Unannotated", "not annotated"),
        ("Game", "expected http"),
        ("http://127.0.0.1:9", "no OpenEnv server answers"),
    ],
)
def test_what_cannot_be_opened_is_named(source, message):
    with pytest.raises(ValueError, match=message):
        make(f"openenv:{source}", timeout_seconds=2)


def test_sessions_are_closed_and_kept_ones_are_bounded():
    env = game("Game", max_turns=6, keep_open=3)
    cls = type(env.open().theirs)
    before = cls.opened - cls.closed
    for problem in env.problems(8):
        env.step(problem, [Message("assistant", "16")])
    assert cls.opened - cls.closed - before == 3
    env.close()
    assert cls.opened - cls.closed == before


def test_a_kept_session_and_a_replayed_one_see_the_same():
    kept, replayed = game("Game", keep_open=4), game("Game")
    for problem in kept.problems(6):
        assert play_episode(kept, problem, bisect()) == play_episode(replayed, problem, bisect())


# ---------------------------------------------------------------- over a connection


@contextlib.contextmanager
def served(env_class, action_class, capacity):
    """Their environment on their server, on a free port of the loopback."""
    import uvicorn
    from openenv.core.env_server.http_server import create_fastapi_app
    from openenv.core.env_server.types import Observation

    listening = socket.create_server(("127.0.0.1", 0))
    app = create_fastapi_app(env_class, action_class, Observation, max_concurrent_envs=capacity)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def theirs():
    from verifiers.plugins import load_file

    return load_file(str(GAMES))


def test_a_server_gives_the_same_episodes_as_the_class(theirs):
    with served(theirs.Game, theirs.Guess, capacity=4) as url:
        far, near = make(f"openenv:{url}?max_turns=6"), game("Game", max_turns=6)
        assert list(far.problems(5)) == list(near.problems(5))  # an address is no part of a problem
        rng = random.Random(0)
        for _ in range(5):
            seed = rng.getrandbits(31)
            frames = []
            for env in (far, near):
                session = env.open()
                frames.append([session.reset(seed), session.act("7"), session.act("3")])
                session.close()
            assert frames[0] == frames[1]
        for problem in far.problems(5):
            assert play_episode(far, problem, bisect()) == play_episode(near, problem, bisect())
            assert play_episode(far, problem, lambda m: "13").stop is play_episode(near, problem, lambda m: "13").stop
            assert far.step(problem, [Message("assistant", "x")]).stop is StopReason.PARSE_ERROR


def test_one_place_on_a_server_serves_rollouts_and_graders_in_turn(theirs):
    with served(theirs.Game, theirs.Guess, capacity=1) as url:
        spec = EnvSpec(f"openenv:{url}", {"max_turns": 6})
        env = make(spec)
        problems = list(env.problems(6))
        episodes = [play_episode(env, problem, bisect()) for problem in problems]
        with VerifierPool(EnvGrader(spec), deadline_seconds=20) as pool:
            verdicts = pool.grade([(e.problem, e.turns) for e in episodes])
        assert [v.outcome for v in verdicts] == [e.verdict.outcome for e in episodes]


def test_a_server_that_stays_full_or_goes_away_is_named(theirs):
    with served(theirs.Game, theirs.Guess, capacity=1) as url:
        env = make(f"openenv:{url}", timeout_seconds=3.0)
        problem = env.problem(0)
        holder = env.open()
        holder.reset(0)
        with pytest.raises(ConnectionError, match="stayed full"):
            env.problem(1)
        holder.close()
        assert env.problem(0) == problem
    with pytest.raises(ConnectionError):
        env.problem(2)


# ---------------------------------------------------------------- ours, served


@pytest.fixture(scope="module")
def server():
    from envs.adapters.openenv_server import Server

    running = Server(EnvSpec("linear_equations", {"levels": [1, 2]}), port=0, sessions=4)
    running.start()
    yield running
    running.stop()


def client(server):
    from openenv.core.generic_client import GenericEnvClient

    return GenericEnvClient(base_url=server.url).sync()


def test_our_environment_is_asked_and_graded_over_openenv(server):
    env = make("linear_equations", levels=[1, 2])
    problem = env.problem(3, split="test", seed=5, level=2)
    with client(server) as session:
        prompt = session.reset(seed=5, split="test", index=3, level=2)
        assert (prompt.observation["text"], prompt.done) == (problem.text, False)
        right = session.step({"message": f"#### {problem.answer}"})
        assert (right.reward, right.done, right.metadata["outcome"]) == (1.0, True, "correct")
        session.reset(seed=5, split="test", index=3, level=2)
        assert session.step({"message": "#### 12345"}).reward == 0.0
        with pytest.raises(RuntimeError, match="call reset"):
            session.step({"message": "#### 12345"})
        assert session.reset(seed=7).observation["text"] == env.problem(7).text


def test_nothing_that_is_sent_holds_the_answer():
    from envs.adapters.openenv_server import Server

    server = Server(EnvSpec("calculator_use"), port=0)
    server.start()
    try:
        for index in range(10):
            problem = make("calculator_use").problem(index)
            assert len(problem.answer) > 4
            with client(server) as session:
                told = [session.reset(seed=index), session.state(), session.step({"message": "#### 0"})]
            assert problem.answer not in str(told)
            assert problem.id not in str(told)  # a hash of hidden content could be searched for
    finally:
        server.stop()


def test_hostile_turns_get_an_answer_and_the_server_lives_on(server):
    with client(server) as session:
        for message in ("#### 9**9**9**9", "\x00" * 1000, "(" * 90_000, ""):
            session.reset(seed=1)
            assert session.step({"message": message}).reward == 0.0
        session.reset(seed=1)
        for action in ({}, {"message": 5}, {"message": "x", "other": 1}, {"message": "x" * 200_000}):
            with pytest.raises(RuntimeError, match="VALIDATION_ERROR"):
                session.step(action)
        with pytest.raises(RuntimeError, match="split is 'nowhere'"):
            session.reset(split="nowhere")
        assert session.reset(seed=2).observation["text"]


def ask(server, path, body=b"{}", headers=()):
    """(status, text) of an HTTP request."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    try:
        connection.request("POST", path, body=body, headers={"Content-Type": "application/json", **dict(headers)})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "body",
    ['{"split": "x"}', '{"level": 99999}', '{"level": "a"}', '{"seed": 1.5}', '{"index": 1e308}', '{"seed": NaN}'],
)
def test_mistakes_over_http_are_answered_with_a_sentence(server, body):
    status, text = ask(server, "/reset", body.encode())
    assert 400 <= status < 500, text
    assert "detail" in text
    assert ask(server, "/step", b'{"action": {"message": "x"}}')[0] == 400  # no episode is running
    assert ask(server, "/reset")[0] == 200


def test_bodies_are_bounded_with_and_without_a_stated_length(server):
    assert ask(server, "/reset", b" " * (2 << 20) + b"{}")[0] == 413
    chunks = (b" " * (1 << 16) for _ in range(64))
    try:
        status, _ = ask(server, "/reset", chunks, {"Transfer-Encoding": "chunked"})
    except (BrokenPipeError, ConnectionError):
        status = 413  # it hung up on us meanwhile
    assert status in (400, 413)
    assert ask(server, "/reset")[0] == 200


def test_pages_of_the_web_are_not_let_in(server):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    assert ask(server, "/reset", headers={"Origin": "http://evil.example"})[0] == 403
    assert ask(server, "/reset", headers={"Origin": server.url})[0] == 200
    address = server.url.replace("http", "ws") + "/ws"
    with connect(address, origin=server.url):
        pass
    with pytest.raises(InvalidStatus), connect(address, origin="http://evil.example"):
        pass


def test_our_served_environment_comes_back_through_our_client(server):
    near = make("linear_equations", levels=[1, 2])
    far = make(f"openenv:{server.url}", max_turns=1, reset={"split": "train"})
    assert far.identity == "observation"
    problem = far.problem(0)
    answer = near.problem(problem.info["seed"]).answer
    assert far.grade(problem, f"#### {answer}").is_correct
    assert not far.grade(problem, "#### 0.5").is_correct


def test_our_games_are_served_turn_by_turn():
    from envs.adapters.openenv_server import Server

    server = Server(EnvSpec("guess_number"), port=0)
    server.start()
    try:
        secret = int(make("guess_number").problem(4).answer)
        with client(server) as session:
            session.reset(seed=4)
            reply = session.step({"message": f"#### {secret - 1}"})
            assert (reply.observation["text"], reply.done, reply.reward) == ("higher", False, 0.0)
            last = session.step({"message": str(secret)})
            assert (last.reward, last.done, last.metadata["dense_reward"]) == (1.0, True, 1.0)
    finally:
        server.stop()


def test_a_port_that_is_taken_is_an_error_that_names_it(server):
    from typer.testing import CliRunner

    from experiments.__main__ import app

    port = server.url.rpartition(":")[2]
    result = CliRunner().invoke(app, ["env", "serve", "leaps", "--port", port])
    assert result.exit_code != 0
    assert f"cannot listen on 127.0.0.1:{port}" in str(result.exception)
