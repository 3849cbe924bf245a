"""What was sampled and consumed, kept: one file per step, written whole or not at all, with a checksum.

Audit, replay of asynchronous runs, expert iteration, preference pairs and re-verification read it. Rollouts are a
function of the run's seed and position, wall times are not: they stay out, so two runs of one seed write equal files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from envs.types import Message, Problem, StopReason
from policies.types import Completion, FinishReason
from rl.files import write_whole
from rl.types import Group, Trajectory
from verifiers.types import Verdict

FORMAT = 1
MOST_INFLATED = 64 << 20  # bytes of a step, or
MOST_RATIO = 100  # times its compressed size: token lists shrink to about a third, a file of one letter to a thousandth
COMPRESSION = 1  # fastest; token lists shrink to about a third
_NAME = re.compile(r"step-(\d{8})\.jsonl\.gz")


class DamagedLogError(ValueError):
    """A file of the log was cut short or changed after it was written."""


@dataclass(frozen=True)
class StepRecord:
    """One step of the log.

    Attributes:
        version: policy version that consumed the groups.
        groups: what was consumed, rewarded; in the order in which it was consumed.
        facts: JSON-able remarks of the writer, e.g. uids that were too old and sampled again.
        token_values: uid -> name -> one number per completion token (rl/records/token_values.py), where they were kept.
    """

    step: int
    version: int
    groups: tuple[Group, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    token_values: Mapping[int, Mapping[str, Sequence[float]]] = field(default_factory=dict)


class RolloutLog:
    """The rollouts of one stage, in a folder.

    Args:
        folder: made when the first step is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def steps(self) -> list[int]:
        """Steps that were written, ascending."""
        names = (_NAME.fullmatch(path.name) for path in self.folder.glob("step-*"))
        return sorted(int(match[1]) for match in names if match)

    def write(
        self,
        step: int,
        groups: Sequence[Group],
        *,
        version: int = 0,
        facts: Mapping[str, Any] | None = None,
        token_values: Mapping[int, Mapping[str, Sequence[float]]] | None = None,
    ) -> Path:
        """Adds a step; the file appears under its name when it is whole.

        Args:
            token_values: see `StepRecord`; kept to four digits.
        Raises:
            FileExistsError: the step was written before; `truncate` first when a run goes back to a checkpoint.
        """
        path = self._path(step)
        if path.exists():
            raise FileExistsError(f"{path} exists: steps are written once; RolloutLog.truncate({step}) removes it")
        header = {"format": FORMAT, "step": step, "version": version, "groups": len(groups), "facts": dict(facts or {})}
        rows = [_with_values(group_to_json(group), token_values or {}) for group in groups]
        lines = [json.dumps(header), *map(json.dumps, rows)]
        body = "".join(f"{line}\n" for line in lines).encode()
        footer = json.dumps({"sha256": hashlib.sha256(body).hexdigest()}) + "\n"
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, gzip.compress(body + footer.encode(), COMPRESSION, mtime=0))
        return path

    def read(self, step: int) -> StepRecord:
        """A step as it was written.

        Raises:
            FileNotFoundError: the step was not written.
            DamagedLogError: the file does not match its checksum.
        """
        path = self._path(step)
        try:
            content = _inflated(path.read_bytes())
        except (EOFError, zlib.error) as error:
            raise DamagedLogError(f"{path} is damaged ({error})") from error
        *lines, footer = content.splitlines(keepends=True) or [b""]
        digest = hashlib.sha256(b"".join(lines)).hexdigest()
        if footer.decode(errors="replace").strip() != json.dumps({"sha256": digest}):
            raise DamagedLogError(f"{path} does not match its checksum")
        try:
            header, *rows = map(json.loads, lines)
            if header["format"] != FORMAT:
                raise DamagedLogError(f"{path} has format {header['format']}, this version reads {FORMAT}")
            groups = tuple(map(group_from_json, rows))
            return StepRecord(header["step"], header["version"], groups, header["facts"], _values_of(rows))
        except DamagedLogError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamagedLogError(f"{path} holds a row that is no rollout ({type(error).__name__}: {error})") from error

    def groups(self, steps: Sequence[int] | None = None) -> Iterator[Group]:
        """All groups of the given steps (default: of all), in order."""
        for step in self.steps() if steps is None else steps:
            yield from self.read(step).groups

    def truncate(self, step: int) -> None:
        """Removes `step` and all later ones: the run went back to a checkpoint, and will write them again."""
        for later in [s for s in self.steps() if s >= step]:
            self._path(later).unlink()

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.jsonl.gz"


def _inflated(content: bytes) -> bytes:
    """The text of a step, which may not be larger by far than what is stored of it.

    Raises:
        EOFError, zlib.error: it is cut short, no gzip, or larger.
    """
    inflater = zlib.decompressobj(wbits=31)
    most = max(MOST_INFLATED, MOST_RATIO * len(content))
    found = inflater.decompress(content, most)
    if inflater.unconsumed_tail or inflater.unused_data:
        raise zlib.error(f"it inflates to more than {most:,} bytes, or something follows its end")
    if not inflater.eof:
        raise EOFError("it is cut short")
    return found


def group_to_json(group: Group) -> dict[str, Any]:
    """A dictionary of plain JSON values without wall times; `group_from_json` gives the group back."""
    return {
        "problem": group.problem.to_json(),
        "trajectories": [_trajectory_to_json(t, group.problem) for t in group.trajectories],
    }


def group_from_json(row: Mapping[str, Any]) -> Group:
    """The group that `group_to_json` wrote, but for the seconds of its verdicts."""
    problem = Problem.from_json(row["problem"])
    return Group(problem, tuple(_trajectory_from_json(t, problem) for t in row["trajectories"]))


def _with_values(row: dict[str, Any], values: Mapping[int, Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """The row of a group with the values of its tokens."""
    for trajectory in row["trajectories"]:
        if named := values.get(trajectory["uid"]):
            trajectory["token_values"] = {name: [float(f"{v:.4g}") for v in column] for name, column in named.items()}
    return row


def _values_of(rows: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, list[float]]]:
    trajectories = [trajectory for row in rows for trajectory in row["trajectories"]]
    return {each["uid"]: each["token_values"] for each in trajectories if "token_values" in each}


def _trajectory_to_json(trajectory: Trajectory, problem: Problem) -> dict[str, Any]:
    assert trajectory.problem.id == problem.id
    completion = trajectory.completion
    row: dict[str, Any] = {
        "uid": trajectory.uid,
        "prompt_tokens": list(trajectory.prompt_tokens),
        "tokens": list(completion.tokens),
        "logprobs": list(completion.logprobs),
        "text": completion.text,
        "finish": completion.finish.value,
        "version": completion.version,
        "verdict": replace(trajectory.verdict, seconds=0.0).to_json(),
        "reward": trajectory.reward,
        "parts": dict(trajectory.parts),
    }
    if trajectory.action_mask is not None:
        row["action_mask"] = list(trajectory.action_mask)
    if trajectory.token_rewards is not None:
        row["token_rewards"] = list(trajectory.token_rewards)
    if trajectory.transcript is not None:
        row["transcript"] = [[message.role, message.content] for message in trajectory.transcript]
    if trajectory.stop is not None:
        row["stop"] = trajectory.stop.value
    return row


def _trajectory_from_json(row: Mapping[str, Any], problem: Problem) -> Trajectory:
    def optional(name: str) -> tuple[Any, ...] | None:
        """A field that is written only where it is set, as a tuple."""
        return tuple(row[name]) if name in row else None

    return Trajectory(
        uid=row["uid"],
        problem=problem,
        prompt_tokens=tuple(row["prompt_tokens"]),
        completion=Completion(
            tokens=tuple(row["tokens"]),
            logprobs=tuple(row["logprobs"]),
            text=row["text"],
            finish=FinishReason(row["finish"]),
            version=row["version"],
        ),
        verdict=Verdict.from_json(row["verdict"]),
        reward=row["reward"],
        parts=row["parts"],
        action_mask=optional("action_mask"),
        token_rewards=optional("token_rewards"),
        transcript=tuple(Message(*m) for m in row["transcript"]) if "transcript" in row else None,
        stop=StopReason(row["stop"]) if "stop" in row else None,
    )


def find_logs(run_folder: str | Path) -> list[RolloutLog]:
    """The rollout logs anywhere in a run folder, in the order of their paths."""
    folders = {path.parent for path in Path(run_folder).rglob("step-*.jsonl.gz")}
    return [RolloutLog(folder) for folder in sorted(folders)]
