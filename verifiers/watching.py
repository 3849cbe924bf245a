"""Somebody's own code, watched while it runs: which part is running, and until when it may, stands on a shared page.

Code of one's own runs in the grading processes of a pool under a deadline; an environment, a reward and what a check
tries also run in the process that was asked to do something, where they may hang, crash or end it. The command line
therefore watches itself: `begin` (experiments/supervision.py) splits the process in two before the first own code
is loaded; one goes on, the other reads the page and says what became of it. Where nobody asked, nothing is watched.
"""

from __future__ import annotations

import functools
import inspect
import os
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from mmap import mmap
from typing import Any

FILE_MODULE_PREFIX = "beyond_imitation_file_"  # names of modules that are loaded from a file of one's own
PATIENCE = "BEYOND_PATIENCE"  # variable: seconds that a call of own code may take while a config is checked
DEFAULT_PATIENCE = 30.0
LOADING_PATIENCE = 120.0  # a file may import torch
RUN_PATIENCE = 600.0  # seconds of a call once training has begun: a judge over a network takes its time
PATIENT = ("arm", "backend", "optimizer", "algorithm", "tracker", "section")  # a call may be a whole training
UNWATCHED = ("__del__", "__getattribute__", "__getattr__")  # called by Python itself, at any time
STAMP = struct.Struct("=dB1000s")  # until (0: for ever), a phase below, what runs (empty: nothing of one's own)
PAGE_BYTES = 4096
CHECKING, RUNNING, ENDED = 0, 1, 2  # phases

_begin: Callable[[], mmap] | None = None
_page: mmap | None = None
_thread = threading.main_thread()  # whose calls are watched
_phase = CHECKING
_watched_classes: set[type] = set()
_raised_in: dict[int, tuple[str, BaseException]] = {}  # id of an error -> where, and the error, which is kept


class OwnCodeExited(RuntimeError):
    """Own code called sys.exit."""


def begin_watching_with(begin: Callable[[], mmap]) -> None:
    """Has `begin` called before the first own code is loaded; it gives the page that is written from then on.

    The calls of the thread that asks for it are watched.
    """
    global _begin, _thread
    _begin, _thread = begin, threading.current_thread()


def begin_now() -> None:
    """Begins to watch this process though no own code is loaded yet, where `begin_watching_with` was told how."""
    global _page
    if _page is None and _begin is not None:
        _page = _begin()


def tell_phase(phase: int) -> None:
    """A run begins after its checks, or the process is about to end as it should."""
    global _phase
    _phase = phase
    if _page is not None:
        until, _, what = STAMP.unpack_from(_page)
        STAMP.pack_into(_page, 0, until, phase, what)


def has_begun() -> bool:
    """Whether a run is past its checks."""
    return _phase == RUNNING


@contextmanager
def running(what: str, kind: str = "", seconds: float | None = None) -> Iterator[None]:
    """Inside, own code runs; within each other the innermost is told.

    Args:
        what: in words, e.g. "reward own.py:Mine, in compute_rewards".
        kind: of part, which decides how long it may take.
        seconds: that it may take at most; None: as is usual for the kind and the phase.
    Raises:
        OwnCodeExited: it called sys.exit.
    """
    begin_now()
    if _page is None or threading.current_thread() is not _thread:
        yield
        return
    usual = patience() if _phase == CHECKING else 0.0 if kind in PATIENT else RUN_PATIENCE
    before, limit = _page[: STAMP.size], usual if seconds is None else seconds  # 0: as long as it likes
    until = time.monotonic() + limit if limit else 0.0
    STAMP.pack_into(_page, 0, until, _phase, what.encode()[:1000])
    try:
        yield
    except SystemExit as error:
        raise OwnCodeExited(f"{what}: it called sys.exit({error.code!r})") from error
    finally:
        _page[: STAMP.size] = before


def patience() -> float:
    """Seconds that a call may take while a config is checked."""
    try:
        return float(os.environ.get(PATIENCE, DEFAULT_PATIENCE))
    except ValueError:
        return DEFAULT_PATIENCE


def watched(value: Any, kind: str, name: str, location: str = "") -> Any:
    """`value`, a class, function or object that `name` means, whose own calls are watched from here on.

    Of a class the methods that its own package, or a file beside it, defines are; what it inherits from libraries is
    left alone. Where nobody watches, nothing is changed.

    Args:
        location: `package.module:attribute` or `file.py:attribute`; that of `name` unless given.
    """
    if _page is None:
        return value
    place = (location or name).rpartition(":")[0]
    if place.endswith(".py"):
        place = os.path.realpath(os.path.expanduser(place))
    if inspect.isfunction(value):
        made = functools.partial(_watch_class, place=place, kind=kind, name=name)
        return _wrapped(value, kind, f"{kind} {name}", made) if _is_of(value.__module__, place) else value
    _watch_class(value, place=place, kind=kind, name=name)
    return value


def _watch_class(value: Any, *, place: str, kind: str, name: str) -> None:
    """Watches the methods of a class, or of an object's."""
    for cls in (value if isinstance(value, type) else type(value)).__mro__:
        if cls in _watched_classes or not _is_of(cls.__module__, place):
            continue
        _watched_classes.add(cls)
        for attribute, found in list(vars(cls).items()):
            if attribute in UNWATCHED:
                continue
            told = f"{kind} {name}, in {'its constructor' if attribute == '__init__' else attribute}"
            new = _wrapped_member(found, kind, told)
            if new is not found:
                with suppress(AttributeError, TypeError):  # of a class that cannot be changed: its calls go unwatched
                    setattr(cls, attribute, new)


def _is_of(module: str, place: str) -> bool:
    """Whether a module is that of own code, `package.module` or `file.py`, or one of its package or folder."""
    if not place.endswith(".py"):
        return module.partition(".")[0] == place.partition(".")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and os.path.dirname(os.path.realpath(file)) == os.path.dirname(place)


def _wrapped_member(found: Any, kind: str, what: str) -> Any:
    """What stands in a class under a name, watched where it is called; other values as they are."""
    if isinstance(found, staticmethod | classmethod) and inspect.isfunction(found.__func__):
        return type(found)(_wrapped(found.__func__, kind, what))
    if isinstance(found, property) and inspect.isfunction(found.fget):
        return property(_wrapped(found.fget, kind, what), found.fset, found.fdel, found.__doc__)
    if isinstance(found, functools.cached_property):
        found.func = _wrapped(found.func, kind, what)
    return _wrapped(found, kind, what) if inspect.isfunction(found) else found


def _wrapped(
    function: Callable[..., Any], kind: str, what: str, on_result: Callable[[Any], None] = lambda result: None
) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        """The function, watched; an exception remembers where it was raised."""
        with running(what, kind):
            try:
                result = function(*args, **kwargs)
            except Exception as error:  # whatever own code raises: noted whose it is, and raised on
                _raised_in.setdefault(id(error), (what, error))
                raise
        on_result(result)
        return result

    module = sys.modules.get(function.__module__)
    if getattr(module, function.__qualname__, None) is function:  # pickle looks for the very same object there
        setattr(module, function.__qualname__, call)
    return call


def own_part_of(error: BaseException) -> str | None:
    """The own part that an error, or one that led to it, was raised in; None where it was raised elsewhere."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OwnCodeExited):
            return ""
        if id(seen) in _raised_in:
            return _raised_in[id(seen)][0]
        if (file := _own_file(seen)) is not None:
            return file
        seen = seen.__cause__ or seen.__context__
    return None


def _own_file(error: BaseException) -> str | None:
    """The file of one's own that an error was raised in or went through; None where there is none."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).startswith(FILE_MODULE_PREFIX):
            return frame.f_code.co_filename
    return None


def read_stamp(page: mmap) -> tuple[float, int, str]:
    """(until when on the monotonic clock, phase, what is running) of a page."""
    until, phase, what = STAMP.unpack_from(page)
    return until, phase, what.rstrip(b"\0").decode(errors="replace")
