"""Hostile responses through the pool: no false reward, no hang, bounded memory, and the same verdict everywhere.

"Everywhere": the main thread, another thread, an asyncio program, and synchronous, threaded and async Ray actors.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_actors import AsyncGrader, BlockingGrader, Row, signature

from verifiers.grader import VerifierGrader
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Verdict

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = ROOT.parent / "shared" / "verifiers" / "adversarial.jsonl"
DEADLINE = 2.0
SLACK = 0.2
MEMORY = 1 << 29


def rows() -> list[dict[str, Any]]:
    if not HOSTILE.exists():
        pytest.skip(f"the hostile inputs are not at {HOSTILE}")
    return [json.loads(line) for line in HOSTILE.read_text().splitlines()]


def response_of(row: dict[str, Any]) -> str:
    """Long responses are stored as (text, times) pairs."""
    return row["answer"] if "answer" in row else "".join(text * times for text, times in row["answer_parts"])


def items() -> list[tuple[str, str]]:
    return [(response_of(row), row["gold"]) for row in rows()]


def make_pool(workers: int = 2) -> VerifierPool:
    return VerifierPool(
        VerifierGrader("symbolic", mode="evaluation"), workers=workers, deadline_seconds=DEADLINE, memory_bytes=MEMORY
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    with make_pool() as pool:
        pool.grade([("\\boxed{1}", "1")] * 8)
        yield pool


@pytest.fixture(scope="module")
def expected(pool: VerifierPool) -> list[Verdict]:
    return pool.grade(items())


def test_no_hostile_input_is_paid_and_no_control_is_refused(expected: list[Verdict]) -> None:
    judged = list(zip(rows(), expected, strict=True))
    assert [row["id"] for row, v in judged if row["must"] == "not_correct" and (v.is_correct or v.score > 0)] == []
    assert [row["id"] for row, v in judged if row["must"] == "correct" and not v.is_correct] == []


def test_none_takes_longer_than_the_deadline_or_breaks_the_verifier(expected: list[Verdict]) -> None:
    assert max(verdict.seconds for verdict in expected) <= DEADLINE + SLACK
    errors = [row["gold"] for row, v in zip(rows(), expected, strict=True) if v.outcome is Outcome.ERROR]
    assert not any(errors)  # an empty reference is the caller's mistake, and the only error


def test_each_hostile_input_alone_is_answered_in_time(pool: VerifierPool) -> None:
    for item in items():
        begin = time.monotonic()
        pool.grade([item])
        assert time.monotonic() - begin <= DEADLINE + SLACK


def test_no_code_is_run() -> None:
    # payloads that would leave a trace: imports, files, attribute walks. The worker's modules tell.
    payloads = [row for row in rows() if row["category"] == "code"]
    assert payloads
    with VerifierPool(ModulesAfter("symbolic", mode="evaluation"), deadline_seconds=DEADLINE) as pool:
        before = set(pool.grade([("\\boxed{\\sin(1)}", "2")])[0].info["modules"])
        for verdict in pool.grade([(response_of(row), row["gold"]) for row in payloads]):
            new = set(verdict.info["modules"]) - before
            assert not {name.partition(".")[0] for name in new} & {"subprocess", "ctypes", "shutil", "antigravity"}


class ModulesAfter(VerifierGrader):
    """Reports which modules the process holds after grading."""

    def __call__(self, item: tuple[str, str]) -> Verdict:
        verdict = super().__call__(item)
        return Verdict(verdict.outcome, verdict.score, info={"modules": sorted(sys.modules)})


def test_another_thread_gives_the_same_verdicts(pool: VerifierPool, expected: list[Verdict]) -> None:
    found: list[list[Row]] = []
    thread = threading.Thread(target=lambda: found.append(signature(pool.grade(items()))))
    thread.start()
    thread.join()
    assert found == [signature(expected)]


def test_a_pool_made_in_another_thread_outlives_it(expected: list[Verdict]) -> None:
    made: list[VerifierPool] = []
    thread = threading.Thread(target=lambda: made.append(make_pool()))
    thread.start()
    thread.join()
    with made[0] as pool:
        assert signature(pool.grade(items())) == signature(expected)


def test_asyncio_gives_the_same_verdicts(pool: VerifierPool, expected: list[Verdict]) -> None:
    async def grade() -> list[Verdict]:
        halves = items()[::2], items()[1::2]
        even, odd = await asyncio.gather(*(pool.grade_async(half) for half in halves))
        merged: list[Verdict | None] = [None] * (len(even) + len(odd))
        merged[::2], merged[1::2] = even, odd
        return [verdict for verdict in merged if verdict is not None]

    assert signature(asyncio.run(grade())) == signature(expected)


@pytest.fixture(scope="module")
def ray_module() -> Iterator[Any]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed")
    import ray

    path = {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": path})
    yield ray
    ray.shutdown()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["synchronous", "threaded", "async"])
def test_every_kind_of_ray_actor_gives_the_same_verdicts(ray_module: Any, expected: list[Verdict], kind: str) -> None:
    options = {"synchronous": {}, "threaded": {"max_concurrency": 4}, "async": {"max_concurrency": 4}}[kind]
    actor_class = AsyncGrader if kind == "async" else BlockingGrader
    actor = ray_module.remote(actor_class).options(**options).remote(DEADLINE, MEMORY)
    half = len(items()) // 2
    parts = ray_module.get([actor.grade.remote(items()[:half]), actor.grade.remote(items()[half:])], timeout=240)
    assert [tuple(entry) for part in parts for entry in part] == signature(expected)
    assert not ray_module.get(actor.loaded.remote("torch"), timeout=30)
    ray_module.kill(actor)
