"""A study that does not fit on the disk is told so before it trains."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from experiments.config.loading import load_experiment
from experiments.run.errors import UserError
from experiments.stages import disk

MILLIONS = 135_000_000


def test_policies_and_checkpoints_with_adam_are_counted():
    one = load_experiment(["smollm"])  # a start and one arm: 3 policies, 2 stages with 2 checkpoints, one being written
    assert disk.seed_bytes(one, MILLIONS, MILLIONS) == 4 * MILLIONS * (3 + 5 * 3)
    assert disk.seed_bytes(one, MILLIONS, 1_000_000) == 4 * (3 * MILLIONS + 5 * 3 * 1_000_000)


def test_what_does_not_fit_is_told_with_both_sizes(monkeypatch, tmp_path):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000_000))
    with pytest.raises(UserError, match=r"takes up to 9\.7 GB \(1 arms, 135,000,000 weights.* has 2\.0 GB free"):
        disk.check_disk(load_experiment(["smollm"]), MILLIONS, MILLIONS, tmp_path)
    disk.check_disk(load_experiment(["demo"]), 200_000, 200_000, tmp_path)
