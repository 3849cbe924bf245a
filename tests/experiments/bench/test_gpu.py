"""The script for a CUDA device, whole, on the CPU: on a machine without ray, trl and pydantic."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(("ray", "trl", "pydantic", "matplotlib", "rich", "typer")))
from experiments.bench.gpu import main
main(["--device", "cpu", "--sizes", "tiny", "--out", sys.argv[1]])
"""


def test_every_part_runs_and_what_it_says_holds(tmp_path):
    out = tmp_path / "gpu.json"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(out)], cwd=ROOT, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads(out.read_text())["parts"]
    assert not [name for name, part in parts.items() if "error" in part or "not_reached" in part]
    engine, step = parts["tiny: engine"], parts["tiny: GRPO step"]
    assert engine["tokens"] == 16 * 8
    assert engine["greedy_alone_as_in_a_batch"]
    assert parts["tiny: generate"]["greedy_agreement"] == 1.0
    assert step["grad_norm"] > 0
    assert step["tokens_per_second"] > 0
    assert parts["tiny: weights"]["unchanged"]
    assert parts["tiny: FSDP of one"]["largest_difference"] < 1e-5
    assert parts["tiny: FSDP of one"]["gradient"] > 0


def test_what_the_time_does_not_reach_is_named(tmp_path):
    from experiments.bench.gpu import Bench

    bench = Bench("cpu", seconds=10.0)
    bench.run("short", lambda: {"x": 1})
    bench.run("long", lambda: {"x": 1}, needs_seconds=60.0)
    bench.run("broken", lambda: {"x": 1 / 0})
    assert bench.report["parts"]["short"]["x"] == 1
    assert "were left" in bench.report["parts"]["long"]["not_reached"]
    assert bench.report["parts"]["broken"]["error"].startswith("ZeroDivisionError")
    assert bench.has_failed
