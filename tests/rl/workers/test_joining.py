"""Which Ray is joined, what a dead address is told as, and when a node counts as lost. Starts no Ray."""

import contextlib
import ctypes
import http.server
import itertools
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from experiments.config.loading import load_experiment
from experiments.config.sections import Component
from experiments.run.errors import UserError
from experiments.stages.luggage.gathering import gather
from experiments.stages.serving import start_executor
from experiments.study.plan import check_components
from rl.workers.cluster import cluster_address, named_cluster, sigterm_kept, start_ray
from rl.workers.nodes.watch import CALL_SECONDS, PAUSE_SECONDS, NodeWatch, _Called, is_running, listener

LISTEN = """
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("listens", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("address", "variable", "expected"),
    [
        (None, None, None),
        (None, "10.0.0.1:6379", "10.0.0.1:6379"),
        ("10.0.0.2:6379", "10.0.0.1:6379", "10.0.0.2:6379"),
        ("local", "10.0.0.1:6379", None),
        (None, "local", None),
        (None, "auto", "auto"),
    ],
)
def test_the_config_names_the_cluster_then_the_variable_then_there_is_none(monkeypatch, address, variable, expected):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    assert cluster_address(address) == expected


def test_a_dead_address_in_the_variable_is_told_with_the_variables_name(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(ConnectionError, match=r"which the environment variable RAY_ADDRESS names.*unset RAY_ADDRESS"):
        start_ray()
    monkeypatch.delenv("RAY_ADDRESS")
    with pytest.raises(ConnectionError, match="leave the address out"):
        start_ray(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8265", "ray://head:10001", "head", "head:", ":6379", " :6379", "head:0", "head:70000"]
)
def test_what_is_no_address_of_a_cluster_is_refused_before_anything_is_asked(monkeypatch, address):
    with pytest.raises(ConnectionError, match="expected host:port"):
        start_ray(address)
    with pytest.raises(UserError, match=r"workers\.address.*expected host:port"):
        check_components(load_experiment(["smoke"], ["workers.executor=ray", f"workers.address='{address}'"]))
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=r"RAY_ADDRESS names.*expected host:port"):
        check_components(load_experiment(["smoke"], ["workers.executor=ray"]))


@pytest.mark.parametrize(
    ("address", "place"),
    [("auto", None), ("local", None), (None, None), ("head:6379", ("head", 6379)), ("[::1]:6379", ("::1", 6379))],
)
def test_addresses_are_read(monkeypatch, address, place):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert named_cluster(address) == place


def test_a_server_that_is_no_ray_is_not_joined():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(ConnectionError, match=r"is no Ray cluster; .*leave the address out"):
            start_ray(f"127.0.0.1:{server.server_address[1]}")
        server.shutdown()


def test_a_dead_cluster_is_told_before_anything_is_trained(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(UserError, match=r"nothing answers.*RAY_ADDRESS"):
        start_executor(load_experiment(["smoke"], ["workers.executor=ray"]))


def test_sigterm_is_whose_it_was_after_something_else_took_it_over():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
    try:
        with sigterm_kept():
            ctypes.CDLL(None).signal(signal.SIGTERM, ctypes.c_void_p(signal.SIG_IGN))  # in C, as Ray does
            os.kill(os.getpid(), signal.SIGTERM)
        assert not heard
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [True]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def daemon(tmp_path):
    """A process that listens on a unix socket, as a raylet does."""
    path = str(tmp_path / "raylet")
    process = subprocess.Popen([sys.executable, "-c", LISTEN, path], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def head():
    """A server that says something to whoever comes."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address
        server.shutdown()


class Greeter(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"\0")


def test_a_killed_daemon_is_seen_at_once_though_nobody_has_reaped_it(daemon, head):
    path, process = daemon
    assert listener(path) == process.pid
    watch = NodeWatch(path, f"127.0.0.1:{head[1]}")
    assert watch.lost() == ""
    os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while is_running(process.pid):
        assert time.monotonic() < end
    assert "raylet is gone" in watch.lost()
    watch.close()


def test_a_daemon_that_does_not_answer_is_lost_after_its_time(daemon, head, monkeypatch):
    monkeypatch.setattr("rl.workers.nodes.watch.CALL_SECONDS", 0.05)
    monkeypatch.setattr("rl.workers.nodes.watch.PAUSE_SECONDS", 0.01)
    with socket.socket() as stopped:  # as a stopped process is seen: the kernel takes the connection, nobody answers
        stopped.bind(("127.0.0.1", 0))
        stopped.listen()
        silent = f"127.0.0.1:{stopped.getsockname()[1]}"
        well = NodeWatch(daemon[0], f"127.0.0.1:{head[1]}", f"127.0.0.1:{head[1]}", silent_seconds=0.2)
        without_head = NodeWatch(daemon[0], silent, silent_seconds=0.2)
        without_node = NodeWatch(daemon[0], f"127.0.0.1:{head[1]}", silent, silent_seconds=0.2)
        end = time.monotonic() + 30
        while not (without_head.lost() and without_node.lost()):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert "the head of the Ray cluster" in without_head.lost()
        assert "the Ray node of this machine (its raylet) has not answered" in without_node.lost()
        assert well.lost() == ""
        for watch in (well, without_head, without_node):
            watch.close()


def test_time_in_which_this_process_stood_still_is_not_the_daemons_silence(daemon, monkeypatch):
    clock = itertools.count(0, 3600)  # an hour between two looks at the clock
    monkeypatch.setattr("rl.workers.nodes.watch.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen: refused at once
        called = _Called("the head", f"127.0.0.1:{closed.getsockname()[1]}")
        called.call()
    assert called.silent == CALL_SECONDS + PAUSE_SECONDS


def test_only_what_the_environment_names_is_gathered(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("own.py", "beside.py", "data/a.jsonl", "data/not_named.jsonl"):
        (tmp_path / name).write_text(name)
    files = gather(Component(name="own.py:Env", settings={"data": "data/a.jsonl", "note": "a: text"}), tmp_path)
    found = {str(path.relative_to(files)): path.read_text() for path in files.rglob("*") if path.is_file()}
    assert found == {name: name for name in ("own.py", "beside.py", "data/a.jsonl")}
    assert gather(Component(name="leaps", settings={"modulus": 7}), tmp_path) is None
    jsonl = gather(Component(name="jsonl:data/a.jsonl?prompt=q"), tmp_path)
    assert [path.name for path in jsonl.rglob("*.jsonl")] == ["a.jsonl"]


@pytest.mark.ray
@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_a_cluster_that_asks_for_a_token_is_shown_that_of_the_account_and_no_other_cluster_minds(tmp_path, mode):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").write_text("0123456789abcdef" * 4)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {"HOME": str(tmp_path)}
    with socket.socket() as free, socket.socket() as other:
        for each in (free, other):
            each.bind(("127.0.0.1", 0))
        port, for_clients = free.getsockname()[1], other.getsockname()[1]
    head = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}", "--num-cpus=3"]
    own = ["--include-dashboard=false", f"--ray-client-server-port={for_clients}", "--object-store-memory=100000000"]
    cluster = subprocess.Popen(
        [*head, *own],
        env=environment | {"RAY_AUTH_MODE": mode},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    join = f"from rl.workers.cluster import start_ray, stop_ray\nprint(start_ray('127.0.0.1:{port}')); stop_ray()"
    try:
        assert any(b"Ray runtime started" in line for line in cluster.stdout)
        done = subprocess.run(
            [sys.executable, "-c", join], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.stdout.strip() == "True", done.stderr
    finally:
        os.killpg(cluster.pid, signal.SIGTERM)
        time.sleep(3)  # for Ray's processes to end by themselves
        with contextlib.suppress(ProcessLookupError):
            os.killpg(cluster.pid, signal.SIGKILL)
        cluster.wait()
