"""A real study meets a limit of the file system: it ends in a sentence, and resumed it ends as if nothing had been."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SMALL = [
    *("arms={rlhf: null, dpo: null}", "rl.steps=12", "rl.evaluate_every=0", "imitation.steps=20"),
    *("evaluation.problems_per_level=2", "evaluation.num_samples=2"),
]


def study(folder: Path, *options: str, file_bytes: int | None = None) -> subprocess.CompletedProcess:
    settings = [word for setting in SMALL for word in ("-s", setting)]
    limits = (file_bytes, file_bytes)
    return subprocess.run(
        [sys.executable, "-m", "experiments", "study", "smoke", "-o", str(folder), "--quiet", *settings, *options],
        cwd=folder.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        preexec_fn=None if file_bytes is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
        capture_output=True,
        text=True,
        timeout=200,
    )


# 1 KiB: the config; 4: the problems; 60: the first policy; 200: a checkpoint, of optimizer and weights
@pytest.mark.parametrize("kibibytes", [1, 4, *(pytest.param(size, marks=pytest.mark.slow) for size in (60, 200))])
def test_a_file_system_that_refuses_ends_the_study_in_a_sentence(tmp_path, kibibytes):
    stopped = study(tmp_path / "study", file_bytes=kibibytes << 10)
    assert stopped.returncode == 3, stopped.stderr
    assert "limit on file sizes was reached (ulimit -f): raise it and resume" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    if kibibytes < 60:
        return
    assert study(tmp_path / "study", "--resume").returncode == 0
    assert study(tmp_path / "undisturbed").returncode == 0
    policies = [tmp_path / name / "seed-0" / "rl" / "policy" for name in ("study", "undisturbed")]
    assert len({(policy / "model.safetensors").read_bytes() for policy in policies}) == 1
