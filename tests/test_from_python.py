"""What a person types first in Python: cheap imports, names at the top of each package, and the notebooks."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.results.records import KINDS

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "examples" / "notebooks"
sys.path.insert(0, str(ROOT / "tests" / "experiments"))

from made_studies import SAMPLES, make_study  # noqa: E402 - after the path


@pytest.mark.parametrize("package", ["rl", "policies", "experiments"])
def test_every_exported_name_is_there_and_is_listed(package):
    module = importlib.import_module(package)
    assert not [name for name in module.__all__ if getattr(module, name) is None]
    assert set(module.__all__) <= set(dir(module))
    assert list(module.__all__) == sorted(module.__all__, key=lambda name: (name[0].islower(), name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing


def test_importing_the_packages_loads_nothing_heavy():
    heavy = {"torch", "numpy", "pydantic", "ray"}
    code = f"import sys, rl, policies, experiments, envs; print(*{heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()


WINDOWS = """
import mmap, multiprocessing, select, socket, subprocess, sys, tempfile, typer.core  # as they are here
sys.platform, sys.modules["resource"] = "win32", None  # as Windows says, and a module that it has not
import envs, rl, verifiers
print(verifiers.verify("The answer is 2.", "2").is_correct)
from experiments import __main__ as line
from verifiers.pool.process import WorkerProcess
for call in (lambda: WorkerProcess(b"", 1 << 30), line._check_packages):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, "WSL2" in str(error))
"""


def test_windows_is_told_where_it_works_and_can_import_the_rest():
    done = subprocess.run([sys.executable, "-c", WINDOWS], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.split() == ["True", "RuntimeError", "True", "UserError", "True"], done.stderr


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    accuracies = {"sft": {1: 0.5, 2: 0.3, 3: 0.2, 4: 0.0}, "rl": {1: 1.0, 2: 0.9, 3: 0.8, 4: 0.1}}
    folder = make_study(tmp_path_factory.mktemp("notebook") / "runs" / "mini", accuracies, seeds=(0, 1))
    rows = [{"stage": "rl", "step": step, "reward/mean": step / 10} for step in (1, 2)]
    for seed in (0, 1):
        (folder / f"seed-{seed}" / "rl" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_frame_holds_every_problem_of_every_policy(study):
    from experiments import load_study

    results = load_study(str(study))
    frame = results.to_frame()
    assert len(frame) == 2 * 2 * 4 * 40  # policies, seeds, levels, problems of each
    shares = frame.groupby(["policy", "seed"])["solution"].mean()
    for name, policy in results.policies.items():
        for row, seed in enumerate(results.seeds):
            assert shares[name, seed] == pytest.approx(policy.values()[row].mean())
    assert (frame["c_solution"] / SAMPLES == frame["solution"]).all()


def test_rows_of_other_kinds(study):
    from experiments import load_study

    results = load_study(study)
    assert [(r["seed"], r["step"], r["reward/mean"]) for r in results.records("metrics")] == [
        (0, 1, 0.1),
        (0, 2, 0.2),
        (1, 1, 0.1),
        (1, 2, 0.2),
    ]
    assert [(r["policy"], r["seed"]) for r in results.records("policies")] == [
        ("sft", 0),
        ("sft", 1),
        ("rl", 0),
        ("rl", 1),
    ]
    with pytest.raises(ValueError, match="expected one of " + ", ".join(KINDS)):
        results.records("steps")


def run_notebook(name, folder, monkeypatch):
    """Runs the code cells in order, in this process and in `folder`; where a notebook shows a value, it is computed."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    names = {"__name__": "__main__"}
    for cell in json.loads((NOTEBOOKS / name).read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}:{cell['id']}", "exec"), names)  # noqa: S102 - our own notebook
    return names


def test_notebooks_carry_no_outputs():
    for path in NOTEBOOKS.glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        assert not [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")], path.name


@pytest.mark.learning
def test_the_first_run_learns(tmp_path, monkeypatch):
    names = run_notebook("first-rl-run.ipynb", tmp_path, monkeypatch)
    assert names["after"] > names["before"] + 0.1


def test_an_environment_of_ones_own(tmp_path, monkeypatch):
    names = run_notebook("your-environment.ipynb", tmp_path, monkeypatch)
    assert names["report"].is_ok, names["report"].text()
    assert (names["right"].score, names["wrong"].score) == (1.0, 0.0)
    assert names["experiment"].env.name == f"{tmp_path.resolve()}/lineq.py:lineq"


def test_a_study_is_read(study, monkeypatch):
    names = run_notebook("reading-a-study.ipynb", study.parent.parent, monkeypatch)
    frame = names["problems"]
    means = frame[frame.level == 1].groupby("policy")["solution"].mean()
    assert means["rl"] == 1.0
    assert 0.4 < means["sft"] < 0.6
    assert list(names["metrics"]["step"]) == [1, 2, 1, 2]
