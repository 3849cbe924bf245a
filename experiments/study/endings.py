"""How a study ends: every end writes its state, says one line, and has an exit code.

| end | state | exit code |
|---|---|---|
| all stages ran | done | 0 |
| a mistake in what the config names, seen late | failed | 2 |
| the machine, the disk, a loss that is not finite, code that raised | failed | 3 |
| Ctrl-C or SIGTERM | interrupted | 130 |
| killed | running, and `beyond ls` sees that nobody runs it | the signal's |
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.run.errors import EXIT_RUN_FAILED, UserError
from experiments.run.stop import EXIT_INTERRUPTED
from rl.files import ADVICE, disk_advice
from rl.learning.checkpoint import CheckpointError
from rl.learning.led import RankLost
from rl.workers import WorkersLost

OF_THE_MACHINE = (CheckpointError, WorkersLost, RankLost, TimeoutError)  # their messages say what to do
TRACEBACK = "failure.txt"


class StudyInterrupted(Exception):
    """A stop was requested; everything up to here is on disk."""


@contextmanager
def told_ends(folder: Path, write_state: Callable[[str], None]) -> Iterator[None]:
    """Runs a study inside; whatever ends it early is written as its state and told in one line.

    Args:
        write_state: writes study.json.
    Raises:
        UserError: it failed.
        SystemExit: it was interrupted.
    """
    go_on = f"beyond study {folder / 'config.yaml'} -o {folder} --resume"
    try:
        yield
    except StudyInterrupted:
        write_state("interrupted")
        print(f"stopped; go on with: {go_on}", file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except UserError:
        write_state("failed")
        raise
    except OF_THE_MACHINE as error:
        write_state("failed")
        raise UserError(f"{type(error).__name__}: {error}; go on with: {go_on}", EXIT_RUN_FAILED) from error
    except Exception as error:  # of a disk, a library or a user's own code: all are told in the same way
        write_state("failed")
        raise UserError(f"{describe_failure(error, folder)}; after that: {go_on}", EXIT_RUN_FAILED) from error


def describe_failure(error: Exception, folder: Path) -> str:
    """What happened, in a line; the traceback of an error that nobody foresaw goes into a file."""
    if isinstance(error, OSError) and error.errno in ADVICE:
        where = f" ({error.filename})" if error.filename else ""
        return f"{disk_advice(error)}{where}; the last good checkpoint is intact"
    message = " ".join(str(error).split())[:300]
    origin: BaseException = error
    while origin.__cause__ is not None:  # where it began, not where it was told again
        origin = origin.__cause__
    place = traceback.extract_tb(origin.__traceback__)[-1]
    path = folder / TRACEBACK
    with contextlib.suppress(OSError):  # a full disk must not hide what went wrong
        path.write_text("".join(traceback.format_exception(error)))
    return (
        f"{type(error).__name__}: {message} (in {place.name}, {place.filename}:{place.lineno}); the traceback is in "
        f"{path}; correct what it names"
    )
