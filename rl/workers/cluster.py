"""Starting Ray on this machine, or joining a cluster. Importing this module does not import Ray.

A Ray that we start listens on the loopback interface only, shows no dashboard and keeps its logs to itself.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from rl.workers.nodes.watch import SETTINGS, greeting
from rl.workers.session_folder import SessionFolder

OBJECT_STORE_BYTES = 512 << 20
START_ATTEMPTS = 3
SIGACTION_BYTES = 1024  # more than the structure has anywhere
CONNECT_SECONDS = 10.0  # for the first answer of a cluster
# lines of Ray's own that would be printed into the live display: what they say is said by us
REPORTED_BY_US = "A worker died or was killed|Raylet is terminated|The node with node id"
ADDRESS_VARIABLE = "RAY_ADDRESS"
TOKEN_FILE = "~/.ray/auth_token"
JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # set in what `ray job submit` runs
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # 0: nodes take the loopback address (Ray's own switch for desktops)
_lock = threading.Lock()
_sessions: list[SessionFolder] = []  # of the Ray that this process started
_given_up: list[bool] = []  # not empty: nothing more is asked of Ray


def cluster_address(address: str | None) -> str | None:
    """The cluster to join: `address`, else RAY_ADDRESS, as every program on Ray does; None: a Ray of our own."""
    found = address or os.environ.get(ADDRESS_VARIABLE, "")
    return None if found in ("", "local") else found


def start_ray(
    address: str | None = None,
    *,
    num_cpus: int | None = None,
    object_store_bytes: int = OBJECT_STORE_BYTES,
    files: Path | None = None,
) -> bool:
    """Starts a local Ray, or joins the cluster at `address`; does nothing when this process is connected already.

    May be called from a background thread while something else runs; a second caller waits for the first.

    Args:
        address: "auto" for the cluster of this machine, or host:port; None: that of RAY_ADDRESS, which `ray job submit`
            sets, else a Ray of our own; "local": a Ray of our own.
        num_cpus: CPUs that a local Ray gives out; None: as many as the machine has.
        object_store_bytes: shared memory for weights and results, of a local Ray.
        files: folder that becomes the working directory of every process on a cluster's nodes.
    Returns:
        True when this call connected.
    Raises:
        ConnectionError: no cluster answers at `address`.
        RuntimeError: a local Ray does not come up.
    """
    with _lock, sigterm_kept():
        return _on_owner_thread(lambda: _start(address, num_cpus, object_store_bytes, files))


@contextlib.contextmanager
def sigterm_kept() -> Iterator[None]:
    """Whatever takes SIGTERM over inside has it no more afterwards.

    Ray's C++ side does: it prints stacks, hands the signal on, and aborts the process three seconds later (the failure
    handler of abseil), in the middle of the step that a run would have finished.
    """
    libc, held = ctypes.CDLL(None), ctypes.create_string_buffer(SIGACTION_BYTES)
    libc.sigaction(signal.SIGTERM, None, held)
    try:
        yield
    finally:
        libc.sigaction(signal.SIGTERM, held, None)


def _on_owner_thread(work: Callable[[], bool]) -> bool:
    """Runs `work` on a thread that lives as long as the process, and returns what it returned.

    Ray asks the kernel to kill its daemons when the *thread* that started them ends (PR_SET_PDEATHSIG). A caller's
    thread may end long before the process; this one does not.
    """
    done: Future[bool] = Future()

    def own() -> None:
        """Does the work, hands over its result, and then waits for ever where Ray's daemons hang on this thread."""
        try:
            is_owner = work()
        except BaseException as error:  # handed to the caller, whatever it is
            done.set_exception(error)
            return
        done.set_result(is_owner)
        if is_owner:
            threading.Event().wait()

    threading.Thread(target=own, name="ray-owner", daemon=True).start()
    return done.result()


def _start(given: str | None, num_cpus: int | None, object_store_bytes: int, files: Path | None) -> bool:
    """True when this call connected; see `start_ray`."""
    address = cluster_address(given)
    if address is None:
        if "ray" in sys.modules and os.environ.get(_LOOPBACK) != "0" and not sys.modules["ray"].is_initialized():
            logging.getLogger(__name__).warning(
                "ray was imported before start_ray(); its services may listen on more than the loopback interface"
            )
        os.environ.setdefault(_LOOPBACK, "0")
    else:
        _check_reachable(given)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # by default workers yield to everything else: 15
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", REPORTED_BY_US)
    if address is None:
        atexit.register(_remove_sessions)  # before Ray registers its own end, and so run after it
    import ray

    if ray.is_initialized():
        return False
    logging.getLogger("ray").setLevel(logging.ERROR)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    if address is not None:
        try:
            _use_token()
            if files and not is_submitted():
                quiet["runtime_env"] = {"working_dir": str(files)}
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
            raise ConnectionError(
                f"no Ray cluster answers at {address!r}{_source(given)} ({error}); {_way_out(given)}. Where something "
                "listens there, it may be of another version of Ray, or ask for a token: `ray get-auth-token` prints "
                f"its token on the cluster's head, which belongs in {TOKEN_FILE} here"
            ) from error
        return True
    for attempt in range(1, START_ATTEMPTS + 1):
        _sessions.append(SessionFolder())
        place = _sessions[-1].path
        try:
            ray.init(
                address="local",
                num_cpus=max(num_cpus or 0, os.cpu_count() or 1),
                include_dashboard=False,
                object_store_memory=object_store_bytes,
                _temp_dir=None if place is None else str(place),
                **quiet,
            )
            return True
        except Exception as error:  # Ray gives its daemons half a minute, and raises a bare Exception after it
            ray.shutdown()
            _remove_sessions()
            if attempt == START_ATTEMPTS:
                raise RuntimeError(
                    f"a local Ray did not start in {START_ATTEMPTS} attempts ({error}); is the machine overloaded? "
                    "The inline executor needs no Ray"
                ) from error
    return True


def _use_token() -> None:
    """Has Ray show its token to the cluster that is joined, where this account has one.

    Ray 2.60 makes one (~/.ray/auth_token) for the first Ray that it starts on a machine, and from then on every
    `ray start` asks for it. Whoever joins shows it only when told to.
    """
    try:
        from ray._private.authentication import authentication_token_setup
    except ImportError:  # before Ray had tokens
        return
    enable = getattr(authentication_token_setup, "maybe_enable_token_auth_if_token_available", None)
    if enable is not None:  # obeys RAY_AUTH_MODE where that is set
        enable(warn_if_disabled=False)


def is_submitted() -> bool:
    """Whether `ray job submit` started this process: its own files travel already."""
    return JOB_VARIABLE in os.environ


def named_cluster(given: str | None) -> tuple[str, int] | None:
    """Host and port of the cluster to join; None where Ray finds it ("auto"), or a Ray of our own is started.

    Raises:
        ConnectionError: what names it is no address, such as the http:// one at which jobs are submitted.
    """
    address = cluster_address(given)
    if address in (None, "auto"):
        return None
    host, _, port = address.rpartition(":")
    if "/" in host or not host.strip() or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConnectionError(
            f"{address!r}{_source(given)} is no address of a Ray cluster, expected host:port as `ray start --head` "
            "prints it, or auto (http:// is where jobs are submitted to it, ray:// where clients elsewhere join it)"
        )
    return host.strip("[]"), int(port)


def _source(given: str | None) -> str:
    """Where an address comes from, unless it was given."""
    return "" if given else f", which the environment variable {ADDRESS_VARIABLE} names,"


def _check_reachable(given: str | None) -> None:
    """Raises ConnectionError when no Ray answers where the cluster is said to be; Ray itself would try for minutes."""
    place = named_cluster(given)
    if place is None:
        return
    told = f"{cluster_address(given)!r}{_source(given)}"
    try:
        said = greeting(place, CONNECT_SECONDS)
    except ConnectionResetError:
        said = b""
    except OSError as error:
        raise ConnectionError(f"nothing answers at {told} ({error}); {_way_out(given)}") from error
    if said and said[3:4] != SETTINGS:
        raise ConnectionError(f"what answers at {told} is no Ray cluster; {_way_out(given)}")


def _way_out(given: str | None) -> str:
    leave = "leave the address out" if given else f"unset {ADDRESS_VARIABLE}"
    return f"start a cluster with `ray start --head`, or {leave} to run on this machine"


def stop_ray() -> None:
    """Disconnects, and ends a Ray that this process started, with what it wrote to the disk."""
    with _lock:
        if _given_up:
            return
        if "ray" in sys.modules:
            sys.modules["ray"].shutdown()
        _remove_sessions()


def give_up_ray() -> None:
    """Asks nothing more of Ray in this process: its daemons are gone, or answer no more, and it would wait for them.

    Ray also ends a process whose node is gone, at the latest when it says goodbye: hence `leave_without_ray`.
    """
    _given_up.append(True)


def leave_without_ray(code: int | str | None) -> None:
    """Where Ray was given up, ends this process as `sys.exit(code)` would, and kills the daemons that we started."""
    if not _given_up:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if _sessions and os.fork():  # Ray would end this process, with a code of its own, as soon as its node is killed
        os._exit(code if isinstance(code, int) else int(code is not None))
    for session in _sessions:
        for pid in session.processes():
            with contextlib.suppress(OSError):  # gone meanwhile
                os.kill(pid, signal.SIGKILL)
    _remove_sessions()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _remove_sessions() -> None:
    while _sessions:
        _sessions.pop().remove()
