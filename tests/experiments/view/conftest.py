"""A study's folder as a run leaves it, small, with texts that would like to be markup."""

import json

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.rollouts.log import RolloutLog
from rl.types import Group, Trajectory
from verifiers.types import Outcome, StepVerdict, Verdict

HOSTILE = "<script>document.title='paid'</script><img src=x onerror=\"document.title='paid'\">"


def group(problem, rewards, right, *, first=0, text="1 + 1 = 2 ; # 2"):
    trajectories = []
    for i, (reward, is_right) in enumerate(zip(rewards, right)):
        steps = (StepVerdict((0, 9), True), StepVerdict((12, 15), bool(is_right), is_conclusion=True))
        outcome = Outcome.CORRECT if is_right else Outcome.WRONG
        verdict = Verdict(outcome, float(is_right), "2").judged(steps)
        completion = Completion((4, 5), (-0.1, -2.0 - i), text if i == 0 else f"{text} {i}", FinishReason.STOP)
        trajectories.append(
            Trajectory(first + i, problem, (1, 2), completion, verdict, reward=reward, parts={"proxy": reward})
        )
    return Group(problem, tuple(trajectories))


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def study(tmp_path):
    """Arms rl (solves problem p) and rlhf (loses it, at a high reward); two steps each."""
    folder = tmp_path / "study"
    p, q = Problem("p?", "2", level=1), Problem(f"q {HOSTILE}?", "2", level=2)
    for arm, right in (("rl", (1, 1, 1, 0)), ("rlhf", (0, 0, 0, 0))):
        log = RolloutLog(folder / "seed-0" / arm / "rollouts")
        for step in range(2):
            rewards = (3.0, 1.0, 0.5, 0.0)
            log.write(step, [group(p, rewards, right), group(q, (0, 0, 0, 0), (0, 0, 0, 0), first=9, text=HOSTILE)])
        rows = [{"stage": arm, "step": s, "wall_seconds": s + 0.5, "reward/mean": 0.1 * s} for s in (1, 2, 2)]
        rows[-1]["reward/mean"] = 0.7  # step 2 was repeated after a resume
        lines(folder / "seed-0" / arm / "metrics.jsonl", [{**r, "tokens/sampled_total": 10 * r["step"]} for r in rows])
        problems = [{"id": "p", "level": 1, "n": 4, "c_answer": 4, "c_solution": sum(right)}]
        lines(folder / "seed-0" / arm / "evals.jsonl", [{"policy": arm, "step": None, "rows": problems}])
    (folder / "config.yaml").write_text("name: study\nrl: {steps: 2, algorithm: {name: grpo}}\n")
    (folder / "study.json").write_text(json.dumps({"name": HOSTILE, "state": "running"}))
    return folder
