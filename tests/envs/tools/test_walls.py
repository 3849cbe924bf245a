"""What each wall of the sandbox blocks, shown by programs that got through CPython: no syntax tree is looked at."""

import os

import pytest

from envs.procedural.tool_use import sandbox_of
from envs.registry import make
from envs.tools import Toolbox, calculator, python, sandbox
from envs.tools.calls import Call
from envs.tools.sandbox import run_unchecked
from envs.tools.walls import BUBBLEWRAP, PROCESS, SECCOMP, WALLS, choose, works

# From an empty tuple to every module that the interpreter has built in or has loaded.
ESCAPE = """
importer = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'BuiltinImporter'][0]
posix, sys = importer.load_module('posix'), importer.load_module('sys')
"""
DEEDS = {
    "reads a file": "print(posix.read(posix.open(PLACE + '/secret', 0), 99))",
    "asks about a file": "print(posix.stat(PLACE + '/secret'))",
    "lists a folder": "print(posix.listdir(PLACE))",
    "writes a file": "posix.open(PLACE + '/made', 65, 0o600)",
    "removes a file": "posix.unlink(PLACE + '/secret')",
    "starts a process": "pid = posix.fork()\nif not pid: posix._exit(0)\nprint('child', pid)",
    "signals a process": "posix.kill(PID, 0)\nprint('reached')",
    "runs a command": "posix.execv('/bin/echo', ['echo', 'ran'])",
    "changes a limit": "resource = sys.modules['resource']\nresource.prlimit(PID, resource.RLIMIT_CORE, (0, 0))",
    "lowers a priority": "posix.nice(1)",
}


def attempt(deed, wall, place):
    """What a program prints that escapes and then does the deed; its error, where that is what it came to."""
    program = f"PLACE, PID = {str(place)!r}, {os.getpid()}\n{ESCAPE}{DEEDS[deed]}\nprint('done')"
    try:
        return run_unchecked(program, wall)
    except ValueError as error:
        return f"refused: {error}"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine is no reason to stop a program; the limit on processor time is the child's own."""
    monkeypatch.setattr("envs.tools.sandbox.CPU_SECONDS", 60)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "secret").write_text("hunter2")
    return tmp_path


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("wall", [SECCOMP, BUBBLEWRAP])
def test_a_program_that_got_through_cpython_is_held_in_by_the_kernel(wall, deed, place):
    if not works(wall):
        pytest.skip(f"no {wall} on this machine")
    told = attempt(deed, wall, place)
    assert told.startswith("refused: PermissionError"), told
    assert (place / "secret").read_text() == "hunter2"
    assert not (place / "made").exists()


def test_without_a_wall_of_the_kernel_an_escaped_program_has_this_process_s_rights(place):
    assert "Too many open files" in attempt("reads a file", PROCESS, place)  # its limits hold
    assert "reached" in attempt("signals a process", PROCESS, place)
    assert attempt("removes a file", PROCESS, place) == "done"
    assert not (place / "secret").exists()


def test_the_namespaces_of_bubblewrap_hold_without_the_filter_too(place, monkeypatch):
    if not works(BUBBLEWRAP):
        pytest.skip("no bubblewrap on this machine")
    monkeypatch.setattr("envs.tools.sandbox.filter_source", lambda wall: ("import _socket", ""))
    for deed in ("asks about a file", "removes a file"):
        assert attempt(deed, BUBBLEWRAP, place).startswith("refused: FileNotFoundError")
    assert attempt("signals a process", BUBBLEWRAP, place).startswith("refused: ProcessLookupError")
    monkeypatch.setitem(DEEDS, "lists networks", "print(sys.modules['_socket'].if_nameindex())")
    monkeypatch.setattr("envs.tools.sandbox._CHILD", sandbox._CHILD.replace("RLIMIT_NOFILE, 3", "RLIMIT_NOFILE, 9"))
    told = attempt("lists networks", BUBBLEWRAP, place)
    assert told.startswith("[(1, 'lo')]"), told  # and that one is down, and of its own


@pytest.mark.parametrize("wall", WALLS)
def test_programs_compute_the_same_behind_every_wall(wall):
    if not works(wall):
        pytest.skip(f"no {wall} on this machine")
    assert run_unchecked("print(sum(range(10**6)), math.gcd(12, 18), Fraction(1, 3), 2.5**0.5)", wall) == (
        "499999500000 6 1/3 1.5811388300841898"
    )
    assert run_unchecked("print(len(str(list(range(10**6)))))", wall) == "7888890"
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        run_unchecked("1 / 0", wall)
    with pytest.raises(ValueError, match="processor time"):
        run_unchecked("while True: pass", wall)
    with pytest.raises(ValueError, match=r"MemoryError|memory limit"):
        run_unchecked("x = [0] * 10**9", wall)


def test_auto_is_the_strongest_that_works():
    assert choose("auto") == next(wall for wall in WALLS if works(wall))
    with pytest.raises(ValueError, match="expected auto, bubblewrap, seccomp or process"):
        choose("docker")


def test_a_wall_that_does_not_stand_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr("envs.tools.walls.works", lambda wall: wall == PROCESS)
    with pytest.raises(ValueError, match=r"bubblewrap does not work on this machine: install"):
        choose(BUBBLEWRAP)
    assert choose("auto") == PROCESS


def test_an_environment_says_which_wall_its_tool_has():
    with Toolbox([python], deadline_seconds=10, sandbox=PROCESS) as box:
        assert box.sandbox == PROCESS
        assert box.call(Call("python", {"code": "print(6 * 7)"})).text == "42"
    assert Toolbox([calculator]).sandbox == "auto"  # runs no programs: nothing is tried
    assert make("calculator_use?sandbox=process").sandbox == PROCESS
    assert sandbox_of(make("calculator_use")) is None
    assert sandbox_of(make("calculator_use", tools=["python"], sandbox=PROCESS)) == PROCESS
    assert sandbox_of(make("mixture", parts={"calculator_use": {"weight": 1, "tools": ["python"]}})) == choose()
    with pytest.raises(ValueError, match="sandbox is 'docker'"):
        make("calculator_use?sandbox=docker")
