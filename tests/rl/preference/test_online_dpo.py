"""Online DPO: rounds, budget, and the reference that stays."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.preference.direct.dpo import DpoSettings
from rl.preference.direct.online_dpo import fit_online_dpo
from rl.preference.labels.annotators import make_annotator
from rl.preference.labels.comparisons import load_comparisons
from rl.records.recorder import SilentRecorder
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

pytestmark = pytest.mark.learning


def sampled(policy, number: int) -> list[Group]:
    """Groups of one right and one wrong completion, of problems that differ between rounds."""
    groups = []
    for index in range(24):
        problem = Problem(f"a = {index} ; k = a + {number} ; k ?", "7")
        rows = []
        for uid, (text, right) in enumerate((("# 7", True), ("# 3", False))):
            tokens = policy.encode_completion(text)
            verdict = Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right))
            completion = Completion(tokens, (0.0,) * len(tokens), text, FinishReason.STOP)
            rows.append(Trajectory(uid, problem, policy.encode(problem.prompt), completion, verdict))
        groups.append(Group(problem, tuple(rows)))
    return groups


def test_every_round_samples_the_last_policy_and_goes_on_from_the_first_reference(tiny_policy, tmp_path):
    start = tmp_path / "start"
    tiny_policy.save(start)
    asked: list[tuple[str, int]] = []

    def sample(folder, number):
        asked.append((folder.parent.name if number else folder.name, number))
        return sampled(tiny_policy, number)

    rounds = fit_online_dpo(
        start,
        sample,
        make_annotator("perfect"),
        DpoSettings(epochs=2, batch_size=8, lr=1e-3, held_out=0.0),
        tmp_path / "online",
        SilentRecorder(),
        rounds=2,
        num_pairs=40,
        seed=0,
    )
    assert asked == [("start", 0), ("round_1", 1)]
    assert [r.label_report.num_judgements for r in rounds] == [20, 20]
    first, second = (r.fit for r in rounds)
    assert first.margin_before == 0.0
    # measured from the start policy on new problems, what the first round taught is there before the second begins
    assert second.margin_before == pytest.approx(first.margin_after, rel=0.3)
    assert second.margin_after > second.margin_before > 0
    assert len(load_comparisons(tmp_path / "online" / "round_2" / "comparisons.jsonl")) == 20


def test_a_stopped_run_goes_on_with_its_round_and_buys_no_label_twice(tiny_policy, tmp_path):
    start = tmp_path / "start"
    tiny_policy.save(start)
    asked: list[int] = []

    class StopsInRound(SilentRecorder):
        """Asks for a stop at the last optimizer step of a round."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def progress(self, stage, done, total, note=""):
            if len(asked) == self.number and total != 2:
                self.stop_requested = True

    def go(name: str, recorder: SilentRecorder):
        def sample(folder, number):
            asked.append(number)
            return sampled(tiny_policy, number)

        settings = DpoSettings(epochs=1, batch_size=8, lr=1e-3, held_out=0.0)
        return fit_online_dpo(
            start, sample, make_annotator("careful"), settings, tmp_path / name, recorder,
            rounds=2, num_pairs=40, seed=0,
        )  # fmt: skip

    whole = go("whole", SilentRecorder())
    asked.clear()
    assert len(go("broken", StopsInRound(2))) == 1  # stopped in round 2, after its labels were bought
    resumed = go("broken", SilentRecorder())
    assert asked == [0, 1]
    assert [r.label_report for r in resumed] == [r.label_report for r in whole]
    files = [tmp_path / name / "round_2" / "policy" / "model.safetensors" for name in ("whole", "broken")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not (tmp_path / "broken" / "round_1" / "policy").exists()  # needed no longer


def test_a_budget_below_the_rounds_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one judgement per round"):
        fit_online_dpo(
            tmp_path, lambda f, n: [], make_annotator("perfect"), DpoSettings(), tmp_path, SilentRecorder(),
            rounds=4, num_pairs=3, seed=0,
        )  # fmt: skip


def test_trl_is_imported_by_the_preference_package_alone_and_only_when_a_fit_begins():
    """Its import costs seconds; the benchmarks, which run peers' code on purpose, may import it too."""
    root = Path(__file__).parents[3]
    packages = ("verifiers", "envs", "policies", "rl", "experiments")
    importing = re.compile(r"^( *)(?:import trl|from trl)\b", re.MULTILINE)
    found = {
        p.relative_to(root): p.read_text(encoding="utf-8") for name in packages for p in (root / name).rglob("*.py")
    }
    users = {path: importing.findall(text) for path, text in found.items() if importing.search(text)}
    assert {str(path) for path in users if "bench" not in path.parts} == {
        "rl/preference/direct/dpo.py",
        "rl/preference/direct/kto.py",
        "rl/preference/models/reward_model.py",
    }
    loaded = "import sys, experiments.study.run; print([m for m in sys.modules if m.startswith('trl.trainer')])"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
