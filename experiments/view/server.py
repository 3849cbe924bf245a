"""The routes of `beyond view`, over one or several study folders; see local.py for who is answered."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from experiments.view import studies
from experiments.view.damage import damage_of
from experiments.view.index import Filters, RolloutIndex
from experiments.view.local import answering, file, guarded, run_local
from experiments.view.tokens import token_texts
from policies.types import Completion
from rl.types import Group, Trajectory

STATIC = Path(__file__).parent / "static"
REFRESH_SECONDS = 3.0
MAX_PAGE = 500
_INTEGERS = ("step_from", "step_to", "level", "tokens_from", "tokens_to")
_NUMBERS = ("reward_from", "reward_to")
_TEXTS = ("arm", "seed", "outcome", "solution", "finish", "problem", "text", "right_in", "wrong_in")


class Page:
    """What the routes answer, over one or several study folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(folders)
        self.indexes = [RolloutIndex(folder) for folder in folders]
        self._ended = threading.Event()
        self.trouble = ""

    def refresh(self) -> None:
        """Brings every index up to date."""
        for index in self.indexes:
            index.update()

    def watch(self) -> threading.Thread:
        """Starts a thread that reads what there is, and then what is added while runs go on."""

        def loop() -> None:
            """Until the page ends."""
            while not self._ended.is_set():
                try:
                    self.refresh()
                    self.trouble = ""
                except (OSError, sqlite3.Error) as error:  # e.g. a run took steps back while they were read
                    self.trouble = f"reading the rollouts: {error}; it is tried again"
                self._ended.wait(REFRESH_SECONDS)

        thread = threading.Thread(target=loop, name="view-index", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Ends the watching and closes the indexes."""
        self._ended.set()
        for index in self.indexes:
            index.close()

    def _number(self, request: Request, name: str = "study") -> int:
        given = request.query_params.get(name, "0")
        if not given.isdecimal() or int(given) >= len(self.folders):
            raise ValueError(f"{name} is {given!r}, expected a number from 0 to {len(self.folders) - 1}")
        return int(given)

    def _folder(self, request: Request, name: str = "study") -> Path:
        return self.folders[self._number(request, name)]

    def overview(self, request: Request) -> Any:
        """The studies, what occurs in the rollouts of each, and how far they are read; asked for every few seconds."""
        return [
            {"name": _short(folder), "reading": self.trouble, "changes": index.changes, "unread": index.unread}
            | {"metrics": studies.size_of_metrics(folder), **index.choices()}
            for folder, index in zip(self.folders, self.indexes)
        ]

    def damage(self, request: Request) -> Any:
        """What is wrong with the files of each study, in sentences."""
        return [damage_of(folder) for folder in self.folders]

    def tested(self, request: Request) -> Any:
        """The policies of each study that have answered the final problems."""
        return [studies.tested_policies(folder) for folder in self.folders]

    def rollouts(self, request: Request) -> Any:
        """A page of the list."""
        given = request.query_params
        index = self.indexes[self._number(request)]
        offset, limit = _integer(given.get("offset", "0")), _integer(given.get("limit", "200"))
        return index.page(
            filters_of(given), order=given.get("order", "step"), offset=offset, limit=min(limit, MAX_PAGE)
        )

    def rollout(self, request: Request) -> Any:
        """One rollout whole: conversation, tokens with log-probabilities, steps, its group."""
        index = self.indexes[self._number(request)]
        row, group, trajectory, values = index.rollout(_integer(request.query_params.get("id", "")))
        more = {"token_values": values, "siblings": index.siblings(row)}
        return rollout_json(index.study, row, group, trajectory) | more

    def metrics(self, request: Request) -> Any:
        """The recorded metrics of all studies, by name, each with what it is."""
        found = {name: text for folder in self.folders for name, text in studies.metric_names(folder).items()}
        return dict(sorted(found.items()))

    def curves(self, request: Request) -> Any:
        """A metric of every arm and seed of every study."""
        given = request.query_params
        return [
            {"study": i, **series}
            for i, folder in enumerate(self.folders)
            for series in studies.curve(folder, given.get("metric", ""), given.get("axis", "step"))
        ]

    def now(self, request: Request) -> Any:
        """What every study does."""
        return [{"folder": _short(folder), **studies.now(folder)} for folder in self.folders]

    def differences(self, request: Request) -> Any:
        """In which settings two studies differ."""
        return studies.config_difference(self._folder(request, "left"), self._folder(request, "right"))

    def flips(self, request: Request) -> Any:
        """Problems that two policies solve unequally often."""
        given = request.query_params
        sides = [(self._folder(request, side), *_policy(given.get(f"{side}_policy", ""))) for side in ("left", "right")]
        return studies.flips(sides[0], sides[1])


def make_app(page: Page, token: str) -> Starlette:
    """The application: the page, its static files, and the routes under /api."""
    names = ("overview", "damage", "tested", "rollouts", "rollout", "metrics", "curves", "now", "differences", "flips")
    return guarded(
        [Route("/", file(STATIC / "index.html")), *(Route(f"/api/{n}", answering(getattr(page, n))) for n in names)],
        token,
        static=STATIC,
    )


def serve(folders: Sequence[Path], *, port: int, say: Callable[[str], None]) -> None:
    """Serves the page until Ctrl-C.

    Args:
        port: 0: any free one.
        say: is told the address.
    Raises:
        OSError: the port is taken.
    """
    page = Page(folders)
    page.watch()
    try:
        run_local(lambda token: make_app(page, token), port=port, say=say)
    finally:
        page.close()


def filters_of(given: Any) -> Filters:
    """The filters that a query asks for; empty values are none.

    Raises:
        ValueError: a number that is none.
    """
    found: dict[str, Any] = {name: given[name] for name in _TEXTS if given.get(name)}
    found |= {name: _integer(given[name]) for name in _INTEGERS if given.get(name)}
    for name in _NUMBERS:
        if given.get(name):
            found[name] = float(given[name])
    return Filters(**found, proxy_high=given.get("proxy_high") == "1")


def rollout_json(study: Path, row: Any, group: Group, trajectory: Trajectory) -> dict[str, Any]:
    """Everything that the page shows of one rollout."""
    completion: Completion = trajectory.completion
    rewards = [t.reward for t in group.trajectories]
    turns = trajectory.transcript or ()
    return {
        "row": {key: row[key] for key in row if key not in ("text", "prompt")},
        "prompt": group.problem.text,
        "answer": group.problem.answer,
        "text": completion.text,
        "turns": [{"role": message.role, "content": message.content} for message in turns],
        "tokens": token_texts(study, row["log"], completion.tokens),
        "logprobs": list(completion.logprobs),
        "token_rewards": list(trajectory.token_rewards or ()),
        "action_mask": list(trajectory.action_mask or ()),
        "verdict": json.loads(json.dumps(trajectory.verdict.to_json())),
        "parts": dict(trajectory.parts),
        "reward": trajectory.reward,
        "reward_above_group": trajectory.reward - sum(rewards) / len(rewards),
        "version": completion.version,
    }


def _short(folder: Path) -> str:
    """The folder as a person at this prompt would write it."""
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) and folder != here else str(folder)


def _integer(text: str) -> int:
    if not text.lstrip("-").isdecimal():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _policy(text: str) -> tuple[str, str]:
    """`arm@seed` as (arm, seed)."""
    arm, _, seed = text.rpartition("@")
    if ".." in arm or arm.startswith("/") or (seed and not seed.isdecimal()):
        raise ValueError(f"{text!r} is no policy of a study, expected ARM@SEED")
    return arm, seed
