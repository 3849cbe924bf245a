"""Own code that hangs, crashes or ends the process is told in a sentence that names it, with exit code 2."""

import os
import signal
import subprocess
import sys
import time

import pytest

OWN = """
import ctypes, json, os, sys, time
from envs import Problem
from envs.environment import Environment
from verifiers import Outcome, Verdict

def misbehave():
    how = os.environ["HOW"]
    if how == "hang":
        while True:
            pass
    if how == "exit":
        os._exit(0)
    if how == "sys.exit":
        sys.exit(0)
    if how == "crash":
        ctypes.string_at(0)
    raise KeyError("no such key")

class Judge:
    def verify(self, response, answer):
        misbehave()

class Sums(Environment):
    def generate(self, rng, level):
        misbehave()

class Pays:
    def compute_rewards(self, groups):
        misbehave()

class Reader:
    name, judgements_per_pair = "reader", 1
    def choice(self, first, second):
        misbehave()
    perceives_right = utility = approves = choice
"""
CONFIG = """
name: own
env: {name: arithmetic_chain, levels: [1]}
policy: {tiny: {layers: 1, hidden: 16, heads: 2, context: 512}}
rl: {steps: 1, problems_per_step: 2, group_size: 2, sampling: {max_new_tokens: 8}}
evaluation: {problems_per_level: 2, num_samples: 1, validation_problems: 2, sampling: {max_new_tokens: 8}}
workers: {executor: inline, num: 1}
arms: {rl: {method: rl, reward: {name: length, weight: 0.1}}}
"""
TOLD = {
    "hang": "it did not return within 3 seconds, and was ended (with BEYOND_PATIENCE=SECONDS",
    "exit": "it ended the process with exit code 0, without a word",
    "sys.exit": "it called sys.exit(0)",
    "crash": "it ended the process by signal 11 (SIGSEGV)",
    "raise": "KeyError: 'no such key'",
}
VERIFIER = "env={name: 'jsonl:rows.jsonl', verify: 'own.py:Judge'}"


@pytest.fixture
def beyond(tmp_path):
    """Runs a command in a folder with own code: (exit code, what it complained)."""
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own.yaml").write_text(CONFIG)
    rows = [f'{{"prompt": "What is {i} + 1?", "answer": "{i + 1}"}}\n' for i in range(100)]
    (tmp_path / "rows.jsonl").write_text("".join(rows))

    def run(how, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "experiments", *arguments],
            cwd=tmp_path,
            env={**os.environ, "HOW": how, "BEYOND_PATIENCE": "3", "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stderr + done.stdout

    return run


@pytest.mark.parametrize(
    ("how", "part", "command"),
    [
        ("hang", "verifier", ["check", "own.yaml", "-s", VERIFIER]),
        ("exit", "environment", ["env", "show", "own.py:Sums"]),
        ("sys.exit", "environment", ["env", "export", "own.py:Sums", "-o", "rows.out", "-n", "2"]),
        ("crash", "reward", ["check", "own.yaml", "-s", "arms={rl: {method: rl, reward: {name: 'own.py:Pays'}}}"]),
    ],
)
def test_one_sentence_names_the_part_and_what_it_did(beyond, how, part, command):
    code, told = beyond(how, *command)
    assert code == 2
    assert "Traceback" not in told
    (sentence,) = [line for line in told.splitlines() if line.startswith("error:")]
    assert f"{part} " in sentence
    assert "own.py" in sentence
    assert TOLD[how] in sentence


@pytest.mark.slow
@pytest.mark.parametrize("how", TOLD)
@pytest.mark.parametrize(
    "command",
    [
        ["check", "own.yaml", "-s", VERIFIER],
        ["run", "own.yaml", "-s", VERIFIER],
        ["env", "show", "own.py:Sums"],
        ["env", "check", "own.py:Sums", "-n", "2"],
        ["env", "export", "own.py:Sums", "-o", "rows.out", "-n", "2"],
        ["study", "own.yaml", "-s", "env={name: 'own.py:Sums'}"],
        ["check", "own.yaml", "-s", "arms={rl: {method: rl, reward: {name: 'own.py:Pays'}}}"],
        [
            "check",
            "own.yaml",
            "-s",
            "arms={dpo: {method: dpo}}",
            "-s",
            "preference={annotator: {name: 'own.py:Reader'}}",
        ],
    ],
    ids=lambda command: " ".join(command[:2]) + command[-1][:12],
)
def test_every_verb_tells_it(beyond, tmp_path, how, command):
    code, told = beyond(how, *command)
    is_finding = command[:2] == ["env", "check"] and how in ("raise", "sys.exit")
    assert code == (4 if is_finding else 2), told
    assert "Traceback" not in told
    assert "own.py" in told
    assert TOLD[how] in told
    assert not (tmp_path / "runs").exists()


def test_a_file_that_ends_the_process_while_it_is_loaded_is_named(beyond, tmp_path):
    (tmp_path / "bad.py").write_text("import os\nos._exit(0)\n")
    code, told = beyond("exit", "env", "show", "bad.py:Env")
    assert code == 2
    assert "bad.py:Env, while it is loaded: it ended the process with exit code 0, without a word" in told


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_a_signal_to_the_command_reaches_what_runs_and_nothing_is_left(tmp_path, number, code):
    (tmp_path / "own.py").write_text(OWN)
    environment = {**os.environ, "HOW": "hang", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "experiments", "env", "show", "own.py:Sums"]

    def listen():
        """A shell that runs tests in the background has them ignore Ctrl-C."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, preexec_fn=listen) as process:
        deadline = time.monotonic() + 60
        children = []
        while not children and time.monotonic() < deadline:
            time.sleep(0.1)
            listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
            children = [int(pid) for pid in listed.stdout.split()]
        time.sleep(1.0)  # until it hangs
        process.send_signal(number)
        assert process.wait(30) == code
    assert children
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


@pytest.mark.parametrize(("phase", "code"), [("CHECKING", 2), ("RUNNING", 3)])
def test_a_process_that_ray_ends_is_told_by_the_one_that_waits_for_it(phase, code):
    ends = f"""
import os
from experiments.supervision import supervise_own_code, supervise_ray
from verifiers import watching

supervise_own_code(is_the_process=True)
supervise_ray()
watching.tell_phase(watching.{phase})
os._exit(1)  # as Ray does in C++
"""
    told = subprocess.run([sys.executable, "-c", ends], capture_output=True, text=True, check=False)
    assert told.returncode == code
    (sentence,) = told.stderr.splitlines()
    assert sentence.startswith("error: the process ended with exit code 1, without a word: Ray ends it so")
    assert "--resume goes on" in sentence
