"""The page's routes: the next pair, an answer, a withdrawal; agreement is told at the end alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from experiments.label.pairs import Answers, agreement_between, agreement_with_truth, shown
from experiments.view import local
from experiments.view.local import answering, file, guarded, run_local

STATIC = Path(__file__).parent / "static"
TYPESET = Path(local.__file__).parent / "static" / "typeset.js"


class LabelPage:
    """What the routes answer.

    Args:
        answers: of the annotator who sits before the page.
        others: of those who answered the same pairs; they are compared at the end.
    """

    def __init__(self, answers: Answers, others: list[Answers]) -> None:
        self.answers, self.others = answers, others

    def pair(self, request: Request) -> dict[str, Any]:
        """The next pair, how far the annotator is, and at the end what the answers came to."""
        answers, position = self.answers, self.answers.position
        seconds = [row["seconds"] for row in answers.given.values()]
        state: dict[str, Any] = {
            "annotator": answers.name,
            "done": len(answers.given),
            "total": len(answers.pairs),
            "seconds_each": sum(seconds) / len(seconds) if seconds else None,
        }
        if position is None:
            return {**state, "summary": self.summary()}
        pair = answers.pairs[position]
        texts = {"first": shown(pair.first), "second": shown(pair.second)}
        return {**state, "position": position, "prompt": pair.first.problem.text, **texts}

    def answer(self, request: Request) -> dict[str, Any]:
        """Keeps the answer that the query names, and goes on."""
        given = request.query_params
        position = given.get("position", "")
        if not position.isdecimal():
            raise ValueError(f"position is {position!r}, expected the number of a pair")
        seconds, reason = float(given.get("seconds", "0")), given.get("reason", "")
        self.answers.answer(int(position), given.get("answer", ""), seconds=seconds, reason=reason)
        return self.pair(request)

    def undo(self, request: Request) -> dict[str, Any]:
        """Takes the latest answer back, and shows its pair again."""
        self.answers.withdraw()
        return self.pair(request)

    def summary(self) -> dict[str, Any]:
        """Counts, and agreement with the truth and with other annotators: [equal, of how many]."""
        rows = list(self.answers.given.values())
        return {
            "counts": {each: sum(row["answer"] == each for row in rows) for each in ("first", "second", "tie")},
            "with_truth": agreement_with_truth(self.answers),
            "with_others": {other.name: agreement_between(self.answers, other) for other in self.others},
            "file": str(self.answers.file),
        }


def make_app(page: LabelPage, token: str) -> Starlette:
    """The application: the page, its static files, and the routes under /api; what changes something is a POST."""
    routes = [
        Route("/", file(STATIC / "label.html")),
        Route("/static/typeset.js", file(TYPESET, "text/javascript")),
        Route("/api/pair", answering(page.pair)),
        Route("/api/answer", answering(page.answer), methods=["POST"]),
        Route("/api/undo", answering(page.undo), methods=["POST"]),
    ]
    return guarded(routes, token, static=STATIC)


def serve(page: LabelPage, *, port: int, say: Callable[[str], None]) -> None:
    """Serves the page until Ctrl-C; see `experiments.view.local.run_local`."""
    run_local(lambda token: make_app(page, token), port=port, say=say)
