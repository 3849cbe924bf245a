"""A user's mistake: shown in one or two lines that say what was given, what was expected and what to do."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable

from verifiers import plugins
from verifiers.watching import OwnCodeExited

EXIT_USAGE = 2  # the command line or a config is wrong
EXIT_RUN_FAILED = 3
EXIT_CHECK_FAILED = 4


class UserError(Exception):
    """Shown without a traceback; the process ends with `exit_code`."""

    def __init__(self, message: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class TrainingFailed(UserError):
    """A stage cannot go on; the message says what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message, EXIT_RUN_FAILED)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, else `; known: a, b, c`."""
    names = sorted(set(known))
    return plugins.suggest(given, names, most=1) or (f"; known: {', '.join(names)}" if names else "")


def with_place(error: BaseException) -> str:
    """An error that nobody foresaw, of somebody's own code or of a library: what it says, and where it was raised."""
    if isinstance(error, OwnCodeExited):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    where = f" ({frame.filename}:{frame.lineno}, in {frame.name})" if frame else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{where}"


def in_words(error: Exception) -> str:
    """An error's message; where Python says that a call got an unknown argument or lacks one, that of a setting."""
    unknown = re.search(r"got an unexpected keyword argument '(\w+)'", str(error))
    if re.search(r"\w+\(\) takes no arguments", str(error)):
        return "it takes no settings"
    missing = re.search(r"missing \d+ required [\w -]*arguments?: (.+)", str(error))
    return f"no setting {unknown[1]!r}" if unknown else f"it needs {missing[1]}" if missing else str(error)
