"""A config may name code that the user allowed, and no other."""

import subprocess
import sys
from pathlib import Path

import pytest

from verifiers.plugins import check_trusted, load_attribute, trusting_only
from verifiers.registry import make as make_verifier

OWN = "class Own:\n    name = 'own'\n    def price(self, groups):\n        return groups\n    compute_rewards = price\n"


def check(*settings, cwd, **environment):
    command = [sys.executable, "-m", "experiments", "check", "smoke", *(p for s in settings for p in ("-s", s))]
    root = str(Path(__file__).parents[3])
    path = {"PATH": "/usr/bin:/bin", "PYTHONPATH": root, "HOME": str(cwd), **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, env=path)


@pytest.mark.parametrize(
    "setting",
    [
        "arms.rl.reward={name: 'subprocess:Popen', settings: {args: [touch, made]}}",
        "arms.rl.reward={name: 'os:mkdir', settings: {path: made}}",
        "arms.rl.reward={name: 'rl.files:write_whole', settings: {path: made, content: x}}",
        "rl.curriculum={name: 'os:system', settings: {command: 'touch made'}}",
        "rl.algorithm=antigravity:fly",
        "preference.annotator={name: 'os:mkdir', settings: {path: made}}",
        "env=antigravity:Env",
    ],
)
def test_check_runs_nothing_that_a_config_names(tmp_path, setting):
    (tmp_path / "rows.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n' * 3)
    done = check(setting, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "a config may name no other code" in done.stderr
    assert not (tmp_path / "made").exists()


def test_a_file_of_the_current_folder_is_allowed_and_one_elsewhere_is_not(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "own.py").write_text(OWN)
    assert check("arms.rl.reward=own.py:Own", cwd=here).returncode == 0
    refused = check(f"arms.rl.reward={there}/own.py:Own", cwd=here)
    assert refused.returncode == 2
    assert f"BEYOND_TRUST={there}" in refused.stderr
    assert check(f"arms.rl.reward={there}/own.py:Own", cwd=here, BEYOND_TRUST=str(there)).returncode == 0


def test_a_link_out_of_the_folder_is_followed(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (there / "own.py").write_text(OWN)
    (here / "own.py").symlink_to(there / "own.py")
    with trusting_only([here]), pytest.raises(ValueError, match="a config may name no other code"):
        check_trusted(str(here / "own.py"))


def test_libraries_below_the_current_folder_are_not_the_users_own():
    with trusting_only([Path("/")]), pytest.raises(ValueError, match="a config may name no other code"):
        load_attribute("subprocess:Popen")


def test_a_verifier_that_the_data_name_is_refused_where_it_would_grade(tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        "".join(f'{{"question": "{i} + 1?", "answer": "{i + 1}"}}\n' for i in range(400))
    )
    rows = "env={name: 'jsonl:rows.jsonl', settings: {prompt: question, verify: 'os:mkdir'}}"
    done = check(rows, "evaluation.headline_level=null", "imitation=null", "arms={rl: rl}", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "a config may name no other code" in done.stderr


def test_processes_that_are_started_inside_trust_no_more(tmp_path):
    code = "from verifiers.plugins import load_attribute; load_attribute('os:mkdir')"
    with trusting_only([tmp_path]):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "a config may name no other code" in done.stderr
    assert not subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode


def test_a_caller_in_python_vouches_for_what_it_names():
    assert load_attribute("collections:OrderedDict")
    with trusting_only([]):
        pass
    assert load_attribute("collections:OrderedDict")


def test_what_a_trusted_file_imports_is_not_its_own(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("import os\nfrom os import mkdir\nfrom verifiers import Verdict\ndef own():\n    mkdir('made')\n")
    with trusting_only([tmp_path]):
        assert callable(load_attribute(f"{file}:own"))
        assert load_attribute(f"{file}:Verdict")
        for name in ("os.mkdir", "mkdir", "os", "os.path"):
            with pytest.raises(ValueError, match="only imports"):
                load_attribute(f"{file}:{name}")


def test_built_in_verifiers_need_nobodys_trust(tmp_path):
    with trusting_only([tmp_path]):
        assert all(make_verifier(name) for name in ("numeric", "symbolic", "exact"))
