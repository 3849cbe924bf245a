"""The layout that the documents promise, read off the syntax trees."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "verifiers": set(),
    "policies": set(),
    "envs": {"verifiers"},
    "rl": {"verifiers", "envs", "policies"},
    "experiments": {"verifiers", "envs", "policies", "rl"},
}
HOMES = {  # library -> the only places that import it
    "ray": ("rl/workers/",),
    "accelerate": ("rl/learning/processes.py",),
    "trl": ("rl/preference/",),
}
NEVER_CALLED = {"eval", "exec", "sympify", "parse_expr", "parse_latex"}


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def imports(path):
    """(top-level name, module) of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.module


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package):
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(package)
        for top, module in imports(path)
        if top in MAY_IMPORT and top != package and top not in MAY_IMPORT[package]
    ]
    assert not wrong


PARALLEL = {  # folders of parallel parts: a generator, algorithm or bench a file
    "envs/procedural",
    "experiments/bench",
    "experiments/starters/checks",
    "experiments/starters/parts",
    "rl/algorithms",
    "verifiers/judges",
    "verifiers/parse",
}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_folder_is_small_enough_to_be_read_as_a_list(package):
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in sources(package))
    most = {folder: 24 if folder in PARALLEL else 14 for folder in counts}
    assert not {folder: count for folder, count in counts.items() if count > most[folder]}


# Libraries whose import takes a noticeable part of a second, or that a plain installation lacks.
HEAVY = {"torch", "transformers", "ray", "trl", "sympy", "mpmath", "matplotlib", "pydantic", "datasets", "pyarrow"}
HEAVY |= {"math_verify", "mathruler", "tinker_cookbook", "pandas", "uvicorn", "trackio", "wandb"}  # optional
HEAVY |= {"accelerate", "peft", "safetensors", "huggingface_hub", "tensorboard", "openenv", "requests", "numpy"}


def deferred_without_reason(path):
    """Imports inside functions that load no heavy library, and carry no comment on their line or the one before."""
    text = path.read_text()
    lines = text.splitlines()
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            told = any("#" in line for line in lines[node.lineno - 2 : node.end_lineno])
            if not told and not {name.split(".")[0] for name in names} <= HEAVY:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {', '.join(names)}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_an_import_inside_a_function_is_heavy_or_says_why(package):
    assert not [found for path in sources(package) for found in deferred_without_reason(path)]


@pytest.mark.parametrize("library", HOMES)
def test_each_heavy_library_has_one_home(library):
    wrong = [
        str(path.relative_to(ROOT))
        for package in MAY_IMPORT
        for path in sources(package)
        if any(top == library for top, _ in imports(path))
        and not str(path.relative_to(ROOT)).startswith((*HOMES[library], "experiments/bench/"))
    ]
    assert not wrong


def test_nothing_evaluates_text():
    wrong = []
    for package in MAY_IMPORT:
        for path in sources(package):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "id", None) or (
                        node.func.attr if isinstance(node.func, ast.Attribute) and node.func.attr == "sympify" else None
                    )
                    if name in NEVER_CALLED:
                        wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} calls {name}")
    assert not wrong


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("verifiers", {"torch", "transformers", "ray", "trl"}),
        ("envs", {"torch", "transformers", "ray", "trl"}),
        ("envs.registry", {"torch", "transformers", "ray", "trl"}),
        ("verifiers.pool.worker", {"torch", "transformers", "ray", "trl", "envs"}),
        ("rl.train", {"ray", "trl", "pydantic"}),
        ("rl.workers.inline", {"ray", "trl", "pydantic"}),
        ("experiments.cli.results, experiments.report.charts", {"torch", "transformers", "ray", "trl"}),
    ],
)
def test_light_modules_load_nothing_heavy(module, forbidden):
    code = f"import sys, {module}; print(*sorted({forbidden!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()
