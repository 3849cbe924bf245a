"""The command line as a new user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import experiments
from experiments.__main__ import VERBS, app, load_verb


def beyond(*arguments, timeout=120, **kwargs):
    command = [sys.executable, "-m", "experiments", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **kwargs)


def test_help_imports_no_torch():
    code = (
        "import sys; sys.argv = ['beyond', '--help']\n"
        "from experiments.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'ray', 'trl', 'sympy', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "study" in done.stdout


def test_the_list_of_verbs_says_what_each_verb_says_of_itself():
    for verb, (_, summary) in VERBS.items():
        told = load_verb(verb).help
        assert told.partition("\n\n")[0].replace("\n", " ") == summary, verb


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("study", "demoo"), "no config file 'demoo'; did you mean 'demo'?"),
        (("study", "demo", "-s", "rl.stpes=1"), "unknown key 'rl.stpes'; did you mean 'steps'?"),
        (("check", "smoke", "-s", "env=leap"), "no environment is called 'leap'"),
        (("check", "smoke", "-s", "env.moduls=7"), "moduls"),
        (("check", "smoke", "-s", "rl.algorithm=gropo"), "did you mean 'grpo'"),
        (("check", "smoke", "-s", "rl.algorithm.clop=1"), "no setting 'clop'"),
        (("check", "smoke", "-s", "preference.annotator=grumpy"), "expected one of perfect, careful"),
        (("check", "smoke", "-s", "arms.rl.reward=money"), "expected one of"),
        (("check", "smoke", "-s", "evaluation.headline_level=9"), "headline_level is 9"),
        (("run", "smoke", "--arm", "rll"), "no arm 'rll'; did you mean 'rl'?"),
        (("compare", "nowhere"), "nowhere"),
        (("verify", "nofile.jsonl"), "is not a file"),
        (("env", "show", "leapss"), "did you mean"),
        (("export", "nowhere", "-o", "x"), "holds no trained policy"),
        (("sweep", "smoke", "--grid", "rl.steps"), "is not of the form key=v1,v2"),
    ],
)
def test_a_users_mistake_is_one_or_two_lines_and_exit_code_2(tmp_path, arguments, told):
    done = beyond(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_a_cluster_that_does_not_answer_is_told_at_once(tmp_path):
    settings = ["workers.executor=ray", "workers.address=127.0.0.1:9", "imitation=null"]
    done = beyond("study", "smoke", "--quiet", *[a for s in settings for a in ("-s", s)], cwd=tmp_path, timeout=100)
    assert done.returncode == 2, done.stderr
    assert "workers.address: nothing answers at '127.0.0.1:9'" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_prints_the_plan_and_trains_nothing(tmp_path):
    done = beyond("check", "smoke", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 steps x 8 problems x 4 = 128 completions" in done.stdout
    assert not list(tmp_path.iterdir())


def test_one_pair_is_judged_and_explained():
    done = beyond("verify", r"so \boxed{\frac{1}{2}}", "0.5")
    assert done.returncode == 0, done.stderr
    assert "CORRECT" in done.stdout
    assert "because" in done.stdout


def test_another_package_called_verifiers_is_told_apart(tmp_path):
    (tmp_path / "verifiers").mkdir()
    (tmp_path / "verifiers" / "__init__.py").write_text("")
    code = "import sys; sys.path.insert(0, '.'); from experiments.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "another project of that name" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
def test_too_little_memory_for_a_library_is_a_sentence():
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20)); "
        "sys.argv = ['beyond', 'check', 'smoke']; from experiments.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 3
    assert done.stderr.startswith("error: out of memory")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["mine:mine", "mine.py:mine", "package/mine.py:mine", "package.mine:mine"])
def test_the_installed_command_finds_modules_of_the_current_folder_and_files_beside_files(tmp_path, name):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/beyond").write_text("from experiments.__main__ import main\nmain()\n")
    folder = tmp_path / "package" if name.startswith("package") else tmp_path
    folder.mkdir(exist_ok=True)
    (folder / "beside.py").write_text("MOST = 9\n")
    (folder / "mine.py").write_text(
        "from envs import Problem, environment\n"
        f"from {'package.' if name.startswith('package.m') else ''}beside import MOST\n\n\n"
        "@environment('mine', levels=(1,), verify='numeric')\n"
        "def mine(rng, level):\n"
        '    """Numbers."""\n'
        "    return Problem(f'Say {(n := rng.randrange(MOST))}.', str(n))\n"
    )
    done = subprocess.run(
        [sys.executable, str(tmp_path / "bin/beyond"), "env", "show", name, "-n", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(experiments.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert "Say " in done.stdout


@pytest.mark.parametrize(("kind", "num", "told"), [("prompt_only", 9, "7 different problems"), ("problems", 7, "")])
def test_an_export_tells_that_problems_stand_in_it_again(tmp_path, kind, num, told):
    rows = [{"prompt": f"{i} + {i}?", "answer": 2 * i, "split": "train" if i else "test"} for i in range(8)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    name = f"jsonl:{tmp_path}/rows.jsonl?split=split"
    arguments = ["env", "export", name, "-o", str(tmp_path / "out.jsonl"), "-n", str(num), "--kind", kind]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert f"{num} rows in" in done.output
    assert told in done.output
    assert ("different problems" in done.output) == bool(told)
