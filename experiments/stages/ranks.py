"""The other processes of a learner: a study starts them for an RL arm, watches them, and ends them.

Rank 0 is the study's own process, which runs the loop; each other rank builds the same learner from the study's config
and follows (rl/learning/led.py). What a rank prints goes into rank-R.log of the arm's folder; when one dies, the run
ends with its last lines, and the last checkpoint is intact.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.config.arms.kinds import RlArm
from experiments.config.loading import load_resolved
from experiments.config.sections import LearnerSection
from experiments.run.errors import EXIT_RUN_FAILED, UserError
from experiments.stages.training import algorithm_of, corrected, make_learner
from policies.causal import load_policy
from rl.learning.led import LedLearner, RankLost
from rl.learning.processes import join, leave

WATCH_SECONDS = 0.5
GRACE_SECONDS = 30.0  # for rank 0 to notice that another is gone; a collective of some backends would wait on
LAST_LINES = 15


@dataclass(frozen=True)
class RankJob:
    """What a rank builds its learner from."""

    config: str  # the study's config.yaml
    arm: str
    seed: int
    policy: str  # folder of the start
    rank: int
    world: int
    port: int


class Ranks:
    """Ranks 1 and up of a learner.

    Args:
        logs: folder for what they print.
    """

    def __init__(self, section: LearnerSection, *, config: Path, arm: str, seed: int, policy: Path, logs: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.world = section.processes
        self._ended = threading.Event()
        self._logs = {rank: logs / f"rank-{rank}.log" for rank in range(1, self.world)}
        self._processes: dict[int, subprocess.Popen[str]] = {}
        for rank, log in self._logs.items():
            job = RankJob(str(config), arm, seed, str(policy), rank, self.world, self.port)
            with log.open("wb") as out:
                process = subprocess.Popen(
                    [sys.executable, "-m", "experiments.stages.ranks"],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                    text=True,
                )
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(job)) + "\n")
            process.stdin.flush()
            self._processes[rank] = process
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()

    def lost(self) -> str:
        """Which rank has ended before its time, with its last lines; empty while all run."""
        for rank, process in self._processes.items():
            if process.poll() is not None and not self._ended.is_set():
                lines = self._logs[rank].read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
                return f"rank {rank} of the learner ended with {process.returncode}:\n" + "\n".join(lines)
        return ""

    def end(self) -> None:
        """Ends them; those that followed to the end have ended already."""
        self._ended.set()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5.0)
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        for log in self._logs.values():
            if not log.stat().st_size:
                log.unlink()

    def _watch(self) -> None:
        """Ends this process where a rank is gone and rank 0 waits for it for ever."""
        while not self._ended.wait(WATCH_SECONDS):
            told = self.lost()
            if told and not self._ended.wait(GRACE_SECONDS):
                print(f"error: {told}\nthe last checkpoint is intact: --resume goes on", file=sys.stderr, flush=True)
                os._exit(EXIT_RUN_FAILED)


@contextlib.contextmanager
def led_by_this_process(
    section: LearnerSection, *, config: Path, arm: str, seed: int, policy: Path, logs: Path
) -> Iterator[type[LedLearner] | None]:
    """The kind of learner to build inside: None where one process is enough.

    Raises:
        RankLost: another rank ended.
    """
    if section.processes == 1:
        yield None
        return
    ranks = Ranks(section, config=config, arm=arm, seed=seed, policy=policy, logs=logs)
    join(0, ranks.world, ranks.port)
    try:
        yield LedLearner
    except Exception as error:  # any: a lost partner shows as whatever the collective raises
        if isinstance(error, UserError):
            raise
        time.sleep(WATCH_SECONDS)  # a rank's death is seen by its partners first
        if told := ranks.lost():
            raise RankLost(told) from error
        raise
    finally:
        leave()
        ranks.end()


def follow(job: RankJob) -> None:
    """Builds the learner of the arm and makes every call that rank 0 makes."""
    experiment = load_resolved(Path(job.config))
    arm = experiment.arms[job.arm]
    assert isinstance(arm, RlArm)
    section, policy = arm.rl_over(experiment), experiment.policy
    join(job.rank, job.world, job.port)
    learner = make_learner(
        load_policy(
            job.policy,
            device=device_of_rank(policy.device, job.rank),
            trust_remote_code=policy.trust_remote_code,
            lora={"r": policy.lora_rank} if policy.lora_rank else None,
            seed=job.seed,
        ),
        section,
        corrected(algorithm_of(section.algorithm), experiment.workers.backend),
        seed=job.seed,
        threads=experiment.threads,
        kind=LedLearner,
        sharding=experiment.learner.sharding,
    )
    assert isinstance(learner, LedLearner)
    learner.follow()
    leave()


def device_of_rank(device: str, rank: int) -> str:
    """cuda: rank r has cuda:r."""
    return f"cuda:{rank}" if device.partition(":")[0] == "cuda" else device


def main() -> None:
    """A rank: its job is a line on standard input, and it ends when that input does."""
    job = RankJob(**json.loads(sys.stdin.readline()))

    def end_with_rank_0() -> None:
        """Ends this process when the study's is gone."""
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=end_with_rank_0, daemon=True).start()
    follow(job)


if __name__ == "__main__":
    main()
