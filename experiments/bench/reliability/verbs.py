"""The verbs that meet a damaged study, called in this process as the command line calls them."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from matplotlib.backends.backend_svg import FigureCanvasSVG

from experiments.__main__ import main
from experiments.bench.reliability.subject import command, content, without_clocks
from experiments.config.experiment import Experiment
from experiments.report import charts
from experiments.study import run
from experiments.study.before.lengths import check_lengths

DEADLINE_SECONDS = 600  # a stage may be trained anew, on a machine that does much else
ERROR_LINES = 6  # an error is a sentence or two, folded by nobody
COUNTED: set[str] = set()  # experiments whose prompts were counted; the count depends on the settings alone
EVAL = ("--env", "leaps?modulus=11&levels=1-2&ood_levels=3", "-n", "2", "-k", "4", "--max-new-tokens", "20")


@dataclass(frozen=True)
class Answer:
    """What a verb came to.

    Attributes:
        code: exit code; None: an exception passed through, or the deadline did.
        text: all that it printed.
        results: what it showed or wrote, comparable.
    """

    code: int | None
    text: str
    results: Any


class _Late(BaseException):
    pass


def call(arguments: Sequence[str]) -> tuple[int | None, str]:
    """(exit code, everything printed) of `beyond ARGUMENTS`; code None: a traceback, or no end within the deadline."""
    printed = io.StringIO()
    before = sys.argv
    sys.argv = ["beyond", *arguments]
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _deadline():
            try:
                main()
                code: int | None = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            except (Exception, _Late) as error:  # what a user would see as a traceback: this is looked for
                traceback.print_exception(error, file=printed)
                code = None
    finally:
        sys.argv = before
    return code, printed.getvalue()


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    def end(*_: Any) -> None:
        raise _Late(f"no end within {DEADLINE_SECONDS} s")

    former = signal.signal(signal.SIGALRM, end)
    signal.alarm(DEADLINE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def _undrawn(_: FigureCanvasSVG, file: Any, **settings: Any) -> None:
    file.write("<svg></svg>")


def _check_lengths_once(experiment: Experiment) -> None:
    if repr(experiment) not in COUNTED:
        check_lengths(experiment)
        COUNTED.add(repr(experiment))


def resume(study: Path, damaged: str, settings: Sequence[str]) -> Answer:
    """`beyond study --resume`; its results are the files of the study, but for the damaged one.

    The charts of its report are left out, and prompts are counted once, which take longer than the rest: `report` is
    asked for the charts.
    """
    with patch.object(charts, "study_charts", lambda *_: {}), patch.object(run, "check_lengths", _check_lengths_once):
        code, text = call(command(study, settings, resume=True))
    return Answer(code, text, content(study, without=damaged))


def ls(study: Path, damaged: str, settings: Sequence[str]) -> Answer:
    """`beyond ls`."""
    code, text = call(["ls", str(study.parent)])
    return Answer(code, text, text)


def report(study: Path, damaged: str, settings: Sequence[str]) -> Answer:
    """`beyond report`; its results are the three files.

    Charts are made and not drawn: the page holds their points too, and drawing takes most of the time.
    """
    with patch.object(FigureCanvasSVG, "print_svg", _undrawn):
        code, text = call(["report", str(study)])
    files = [study / f"report.{kind}" for kind in ("html", "md", "json")]
    return Answer(code, text, [path.read_bytes() for path in files if path.is_file()] if code == 0 else None)


def compare(study: Path, damaged: str, settings: Sequence[str]) -> Answer:
    """`beyond compare`."""
    code, text = call(["compare", str(study), "--format", "json"])
    return Answer(code, text, text)


def evaluate(study: Path, damaged: str, settings: Sequence[str]) -> Answer:
    """`beyond eval` of the policy that the damaged file belongs to, or of the first arm's."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        code, text = call(["eval", str(study / policy_of(study, damaged)), *EVAL, "-o", str(found)])
        return Answer(code, text, without_clocks(json.loads(found.read_text())) if code == 0 else None)


def policy_of(study: Path, damaged: str) -> str:
    """The folder of the policy that a file belongs to, or of the first arm's."""
    found = (p for p in Path(damaged).parents if p.parts and (study / p / "policy").is_dir())
    return str(next(found, Path("seed-0") / "rlhf"))


def view(study: Path, damaged: str, settings: Sequence[str]) -> Answer:
    """Every route of the page of `beyond view`; its results are what they answer."""
    from starlette.testclient import TestClient  # with the extra `view`

    from experiments.view.server import Page, make_app  # likewise

    answers: dict[str, Any] = {}
    try:
        with _deadline():
            page = Page([study])
            try:
                page.refresh()
                client = TestClient(make_app(page, "token"), base_url="http://127.0.0.1:1")
                for route in ROUTES:
                    found = client.get(f"/api/{route}", params={"token": "token"} | QUERIES.get(route, {}))
                    answers[route] = [found.status_code, found.json()]
            finally:
                page.close()
    except (Exception, _Late):
        return Answer(None, traceback.format_exc(), None)
    return Answer(0, json.dumps(answers), _timeless(answers))


def _timeless(value: Any) -> Any:
    """A JSON value without what a status.json says of times and processes: no result of a study is in there."""
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in OF_A_PROCESS}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


OF_A_PROCESS = ("pid", "seconds", "seconds_left", "heartbeat", "progressed", "silent")
ROUTES = ("overview", "damage", "tested", "rollouts", "rollout", "metrics", "curves", "now", "differences", "flips")
QUERIES = {
    "rollout": {"id": "1"},
    "curves": {"metric": "reward/mean"},
    "differences": {"left": "0", "right": "0"},
    "flips": {"left": "0", "right": "0", "left_policy": "rl@0", "right_policy": "sft@0"},
}
Verb = Callable[[Path, str, Sequence[str]], Answer]
VERBS: dict[str, Verb] = {
    "resume": resume,
    "ls": ls,
    "report": report,
    "compare": compare,
    "eval": evaluate,
    "view": view,
}
