"""The kill matrix: a study is killed with SIGKILL at ten chosen moments, one after the other, and resumed each time.

The moments are seen from outside: a log has so many lines, a file has appeared. In the end the study must be the one
that nobody disturbed, with nothing left over and no process that goes on.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.bench.reliability.processes import Started
from experiments.bench.reliability.subject import content, differences, start

GRAIN_SECONDS = 0.003
PATIENCE_SECONDS = 900.0  # Ray alone takes minutes to start on a machine that does much else
GRACE_SECONDS = 120.0  # for processes of a killed study to end by themselves; a worker of Ray's may be starting
MODES = {
    "inline": ("arms={online-dpo: {method: online_dpo}, expert: {method: expert_iteration}}",),
    "lora": ("policy.lora_rank=4",),
    "asynchronous": ("rl.max_staleness=2", "rl.algorithm=dapo"),
    "ray": ("workers.executor=ray", "workers.num=2", "rl.max_staleness=1"),
}


@dataclass(frozen=True)
class Moment:
    """When to kill: `path` (below a seed's folder, or a pattern there) exists and has at least `lines` lines."""

    path: str
    lines: int = 0

    def has_come(self, study: Path) -> bool:
        """Whether it is now, or past."""
        for path in study.glob(f"seed-*/{self.path}"):
            try:
                if not self.lines or path.read_bytes().count(b"\n") >= self.lines:
                    return True
            except (FileNotFoundError, IsADirectoryError):  # written beside and renamed meanwhile
                continue
        return False

    def __str__(self) -> str:
        return f"{self.path}" + (f", {self.lines} lines" if self.lines else "")


MOMENTS = (
    Moment("sft/metrics.jsonl", 1),
    Moment("sft/policy/*"),
    Moment("sft/test/status.json"),
    Moment("rl/metrics.jsonl", 1),
    Moment("rl/checkpoints/.writing-*"),
    Moment("rl/metrics.jsonl", 5),
    Moment("preferences/comparisons.jsonl"),
    Moment("preferences/reward_model/*"),
    Moment("rlhf/metrics.jsonl", 3),
    Moment("dpo/policy/*"),
)


def kill_matrix(folder: Path, modes: Sequence[str], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row per mode: its kills, and how its study differs from the undisturbed one (it must not)."""
    return [_row(mode, folder / mode, say) for mode in modes]


def moments_of(mode: str) -> tuple[Moment, ...]:
    """When a study of this mode is killed: arms that only one mode has are killed too."""
    return (*MOMENTS[:-2], *MOMENTS[-1:], Moment("expert/samples.jsonl", 1)) if mode == "inline" else MOMENTS


def _row(mode: str, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    folder.mkdir(parents=True)
    settings = MODES[mode]
    code, output = _finish(start(folder / "undisturbed", settings))
    if code:
        raise RuntimeError(f"the undisturbed study of {mode} ended with {code}: {output[-2000:]}")
    kills, troubles = [], []
    study = folder / "killed"
    for moment in moments_of(mode):
        process = start(study, settings, resume=(study / "config.yaml").exists())
        try:
            row = _kill_at(process, moment, study)
        except TimeoutError as error:
            troubles.append(str(error))
            break
        say(f"{mode}: {moment}: {row['end']}")
        kills.append({"at": str(moment), **row})
        if row["end"] == "ended" and row["code"]:
            troubles.append(f"ended with {row['code']} before {moment}: {row['output'][-600:]}")
            break
        troubles += [f"{moment}: {trouble}" for trouble in row.pop("troubles")]
    code, output = _finish(start(study, settings, resume=True))
    if code or "Traceback" in output:
        troubles.append(f"the last resume ended with {code}: {output[-600:]}")
    troubles += differences(content(folder / "undisturbed"), content(study))
    troubles += [f"{path.relative_to(study)} is left over" for path in study.rglob("*.tmp")]
    say(f"{mode}: {sum(k['end'] == 'killed' for k in kills)} kills, {len(troubles)} troubles {troubles[:3]}")
    return {"mode": mode, "settings": list(settings), "kills": kills, "troubles": troubles}


def _kill_at(process: Started, moment: Moment, study: Path) -> dict[str, Any]:
    """Kills the process at the moment; says whether it was killed or had ended by itself."""
    family = descendants(process.pid) if wait_for(process, moment, study) else []
    if process.poll() is not None:
        return {"end": "ended", "code": process.returncode, "output": process.output(), "troubles": []}
    process.send_signal(signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    while (alive := [pid for pid in family if is_running(pid)]) and time.monotonic() < began + GRACE_SECONDS:
        time.sleep(0.05)
    seconds = round(time.monotonic() - began, 1)
    output = process.output()
    troubles = [f"a process goes on: {command_of(pid)}" for pid in alive]
    if "Traceback" in output:
        troubles.append(f"a traceback: {output[-600:]}")
    return {"end": "killed", "processes": len(family) + 1, "seconds_until_gone": seconds, "troubles": troubles}


def wait_for(process: Started, moment: Moment, study: Path) -> bool:
    """True once the moment has come, False when the process ended before it.

    Raises:
        TimeoutError: neither within PATIENCE_SECONDS; the process is killed.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None:
        if moment.has_come(study):
            return True
        if time.monotonic() > until:
            process.send_signal(signal.SIGKILL)
            raise TimeoutError(f"{moment} did not come within {PATIENCE_SECONDS:.0f} s")
        time.sleep(GRAIN_SECONDS)
    return False


def _finish(process: Started) -> tuple[int, str]:
    return process.wait(PATIENCE_SECONDS), process.output()


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    found, todo = [], [pid]
    while todo:
        for path in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            try:
                children = [int(child) for child in path.read_text().split()]
            except OSError:  # it ended meanwhile
                continue
            found += children
            todo += children
    return found


def command_of(pid: int) -> str:
    """The beginning of a process's command; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    except OSError:
        return ""


def is_running(pid: int) -> bool:
    """False too for Ray's two agents, which do nothing and take a minute to see that they are alone.

    They are called ray::DashboardAgent and ray::RuntimeEnvAgent once they are up, and by their scripts before.
    """
    try:
        named = Path(f"/proc/{pid}/cmdline").read_bytes()
        is_agent = any(name in named for name in (b"Agent", b"dashboard/agent.py", b"runtime_env/agent/main.py"))
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" and not is_agent
    except OSError:  # it ended
        return False
