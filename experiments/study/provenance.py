"""What produced a run: commit, versions, machine, command, and what the arithmetic ran on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments.run.errors import UserError
from experiments.run.manifest import changed_files
from experiments.run.sealed import read_sealed, write_sealed
from policies.kernels import describe_kernels

PACKAGES = ("torch", "transformers", "trl", "accelerate", "ray", "sympy", "datasets", "tokenizers", "numpy")


def provenance(argv: Iterable[str] = ()) -> dict[str, Any]:
    """What produced a run: git state, package versions, machine, command, time."""
    root = Path(__file__).parents[2]

    def git(*arguments: str) -> str | None:
        """What git answers; None without git, or outside a repository."""
        command = ["git", "--no-optional-locks", *arguments]  # else `status` writes the index: not ours to write
        try:
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None  # no git on this machine: the versions below still say what ran
        return done.stdout.strip() if done.returncode == 0 else None

    return {
        "commit": git("rev-parse", "HEAD"),
        "uncommitted": bool(git("status", "--porcelain", "--untracked-files=no")),
        "command": list(argv) or [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _version(package: str) -> str | None:
    """None for one that is not installed: a benchmark runs without ray and trl."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's model name where the system tells it, and the instructions that decide how fast it multiplies."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    kinds = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if name in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.machine())} ({', '.join(kinds)})" if kinds else platform.machine()


def write_provenance(path: Path, more: Mapping[str, Any]) -> None:
    """What produced the run, and under `resumed` what went on with it later; says when that computes differently."""
    now = {**provenance(), "arithmetic": describe_kernels(), **more}
    first = read_or_none(path)
    if first is not None and (changed := changed_files(first.get("own_code", {}), more["own_code"])):
        print(
            f"warning: {', '.join(changed)} changed since this study began: what is done from here on is done with the "
            "files as they are now, and a finished stage that was made with the old ones is refused",
            file=sys.stderr,
        )
    if first is not None and first.get("arithmetic") not in (None, now["arithmetic"]):
        told = (first["arithmetic"].get("kernels"), now["arithmetic"]["kernels"])
        print(
            f"warning: this study was begun with {_kernels(told[0])} and goes on with {_kernels(told[1])}: what is "
            "sampled from here on is not what the undisturbed run would have sampled (provenance.json has both)",
            file=sys.stderr,
        )
    write_sealed(path, now if first is None else {**first, "resumed": [*first.get("resumed", ()), now]})


def _kernels(digest: str | None) -> str:
    return "torch's operators (no compiler)" if digest is None else f"compiled kernels {digest[:8]}"


def read_or_none(path: Path) -> dict[str, Any] | None:
    """A JSON file that a resume writes anew; None where it is missing or damaged."""
    try:
        return read_sealed(path)
    except UserError as error:
        if path.exists():
            print(f"warning: {error}; it is written anew", file=sys.stderr)
        return None
