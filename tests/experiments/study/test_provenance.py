"""What a run says of its origin."""

from __future__ import annotations

import os
import subprocess

import experiments.study.provenance
from experiments.study.provenance import processor, provenance


def test_provenance_reads_the_repository_and_writes_nothing_into_it(tmp_path, monkeypatch):
    """git's `status` rewrites the index where it can; on a full disk that left a lock, and read as no changes."""
    source, index = tmp_path / "experiments" / "study" / "provenance.py", tmp_path / ".git" / "index"
    source.parent.mkdir(parents=True)
    source.write_text("1\n")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init",), ("add", "."), (*author, "commit", "-m", "x")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setattr(experiments.study.provenance, "__file__", str(source))
    os.utime(source, (1, 1))  # the index knows the file by another time
    before = index.read_bytes()
    assert provenance()["uncommitted"] is False
    assert index.read_bytes() == before
    source.write_text("2\n")
    assert provenance()["uncommitted"] is True


def test_provenance_names_the_processor():
    """Sums differ in their last bits from one kind of processor to another, and so do policies."""
    assert provenance()["machine"]["processor"] == processor() != ""
