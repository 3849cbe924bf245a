"""What comes with a model and is read before it is known to be sound: its config, its weights, its chat template."""

from __future__ import annotations

import ctypes
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
TEMPLATE_SECONDS = 10.0  # a chat template writes a prompt in milliseconds
LARGEST = {  # of config.json; the largest models that are known stay ten times below
    "num_hidden_layers": 10_000,
    "num_attention_heads": 100_000,
    "hidden_size": 10_000_000,
    "intermediate_size": 100_000_000,
    "vocab_size": 100_000_000,
}


class _TooLong(BaseException):
    """Raised within a chat template that does not end."""


def check_model_config(folder: Path) -> None:
    """Refuses a config.json whose sizes no model has; a folder without one is left to the loader.

    Raises:
        ValueError: with the file, the setting and what was expected.
    """
    file = folder / "config.json"
    if not file.is_file():
        return
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file} holds a {type(config).__name__}, expected an object")
    for name, most in LARGEST.items():
        value = config.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most):
            raise ValueError(f"{file}: {name} is {str(value)[:40]!r}, expected a whole number from 1 to {most:,}")


@contextmanager
def told_as_value_error(what: str) -> Iterator[None]:
    """Whatever foreign files make a library raise is told as a ValueError with the cause.

    Args:
        what: what was being done, for the message.
    """
    try:
        yield
    except (OSError, ValueError):  # told by those who call
        raise
    except Exception as error:  # a boundary: a library may raise anything for what a file holds
        raise ValueError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error


def render(write: Callable[[], T], *, seconds: float = TEMPLATE_SECONDS) -> T:
    """What a chat template writes.

    A template may hold loops within loops; jinja's sandbox bounds each of them and not their product. It runs as
    Python, so an exception raised in its thread ends it.

    Raises:
        ValueError: it fails, or takes longer than `seconds`.
    """
    thread, lock, is_over = threading.get_ident(), threading.Lock(), False

    def stop() -> None:
        """Ends the template, unless it has ended."""
        with lock:
            if not is_over:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TooLong))

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        written = write()
        with lock:
            is_over = True
    except _TooLong:
        raise ValueError(
            f"the tokenizer's chat template did not end within {seconds:g} s: take another template"
        ) from None
    except Exception as error:  # it is a program of strangers, and may raise anything
        raise ValueError(
            f"the tokenizer's chat template fails: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    finally:
        is_over = True
        timer.cancel()
    return written
