"""Environments by name: references, settings, errors that help, specs that travel to other processes."""

import json
import pickle
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

import verifiers.parts as parts
from envs import EnvGrader, Environment, EnvSpec, Problem, environment, list_environments, make
from envs.builtin import BUILT_IN, PROCEDURAL
from envs.registry import get_class, parse_levels, parse_reference

FILE = '''
from envs import Problem, environment

@environment("{name}", levels=(1, 2), verify="numeric")
def doubled(rng, level, largest=10):
    """Doubles a number."""
    n = rng.randint(-largest**level, largest**level)
    return Problem(f"Double {{n}}.", str(2 * n), (f"2 * {{n}} = {{2 * n}}",))
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE.format(name=f"doubled_{tmp_path.name}"))
    return path


def test_settings_are_read_from_the_reference():
    spec = parse_reference("leaps?modulus=13&operands=2,3&rendering=words&levels=1-3", require="strict")
    assert spec == EnvSpec(
        "leaps",
        {"modulus": 13, "operands": [2, 3], "rendering": "words", "levels": "1-3", "require": "strict"},
    )
    env = make(spec)
    assert (env.modulus, env.operands, env.levels, env.rendering) == (13, (2, 3), (1, 2, 3), "words")


@pytest.mark.parametrize(("given", "levels"), [("1-4", (1, 2, 3, 4)), ("1,3", (1, 3)), (2, (2,)), ([1, 5], (1, 5))])
def test_levels_are_written_in_several_forms(given, levels):
    assert parse_levels(given) == levels


def test_levels_in_another_form_are_refused():
    with pytest.raises(ValueError, match='"1-4"'):
        parse_levels("easy")


def test_every_environment_takes_levels_and_template():
    env = make("countdown", levels="2-3", ood_levels=[4], template="chat")
    assert (env.levels, env.ood_levels, env.problem(0).prompt[0].role) == ((2, 3), (4,), "user")


def test_a_misspelt_name_is_answered_with_the_near_ones():
    with pytest.raises(ValueError, match="did you mean 'countdown'"):
        make("countdwn")


def test_a_misspelt_setting_is_answered_with_the_near_ones():
    with pytest.raises(TypeError, match="did you mean 'largest'"):
        make("countdown", largst=9)
    with pytest.raises(TypeError, match="did you mean 'modulus'"):
        make("leaps", modulos=9)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("countdown?largest=x", "'largest' is 'x', expected int"),
        ("countdown?use_all=1", "'use_all' is 1, expected bool"),
        ("leaps?modulus=true", "'modulus' is True, expected int"),
        ("calculator_use?form=3", "'form' is 3, expected str"),
    ],
)
def test_settings_of_another_type_are_refused_before_anything_is_drawn(ref, expected):
    with pytest.raises(TypeError, match=expected):
        make(ref)


@pytest.mark.parametrize("ref", ["countdown?levels=99", "countdown?largest=3&levels=2"])
def test_a_generator_that_finds_nothing_says_so(ref):
    with pytest.raises(ValueError, match="use 2 to 20 numbers"):
        make(ref).problem(0)


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match="already registered"):

        @environment("countdown")
        def other(rng, level):
            """Not countdown."""


def test_an_environment_in_a_file(file):
    env = make(f"{file}:doubled?largest=3")
    assert env.settings == {"largest": 3}
    assert env.grade(Problem("Double 3.", "6"), "#### 6").is_correct


def test_an_environment_in_a_file_travels_to_a_fresh_process(file):
    env = make(f"{file}:doubled")
    code = (
        "import json, sys, pickle\nfrom envs import EnvSpec, make\n"
        "spec = EnvSpec.from_json(json.loads(sys.argv[1]))\nprint(json.dumps(make(spec).problem(3).to_json()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(env.spec.to_json())], capture_output=True, text=True, check=True
    )
    assert Problem.from_json(json.loads(done.stdout)) == env.problem(3)


def test_a_function_in_a_module_gets_a_reference_that_others_can_import(file):
    name = make(f"{file}:doubled").name
    assert make(name).spec.name == f"{file}:doubled"


def test_files_and_attributes_that_do_not_exist_are_named(file, tmp_path):
    with pytest.raises(ValueError, match="no Python file"):
        make(f"{tmp_path}/absent.py:doubled")
    with pytest.raises(ValueError, match="did you mean 'doubled'"):
        make(f"{file}:doubld")
    with pytest.raises(ValueError, match="expected an Environment class"):
        make(f"{file}:Problem")


def test_a_module_attribute():
    assert make("envs.leaps.environment:Leaps").modulus == 31


def test_plug_ins_load_only_when_they_are_named(monkeypatch):
    loaded = []

    class Point(EntryPoint):
        def load(self):
            loaded.append(self.name)
            return super().load()

    points = [
        Point(name="plugged", value="envs.leaps.environment:Leaps", group=parts.group_of("environment")),
        Point(name="broken", value="no_such_module:Thing", group=parts.group_of("environment")),
    ]
    monkeypatch.setattr(parts, "_offered", lambda group, path: points)
    make("countdown")
    assert loaded == []
    assert ("plugged", "plug-in envs.leaps.environment:Leaps") in list_environments()
    assert make("plugged").problem(0).env == "leaps"
    assert loaded == ["plugged"]


def test_environments_pickle_through_their_spec():
    env = make("composition?digits=5")
    again = pickle.loads(pickle.dumps(env))
    assert again.problem(4) == env.problem(4)
    assert again.demonstrated == env.demonstrated


def test_the_grader_pickles_without_its_environment():
    grader = EnvGrader(EnvSpec("countdown"))
    problem = make("countdown").problem(0)
    assert grader((problem, f"#### {problem.answer}")).is_correct
    assert grader.__getstate__() == {"spec": EnvSpec("countdown"), "salt": None, "leniently": False}
    assert pickle.loads(pickle.dumps(grader))((problem, "#### 1")).is_correct is False


def test_the_table_of_built_ins_is_what_the_modules_register():
    for name, module in BUILT_IN.items():
        cls = get_class(name)
        assert (cls.name, cls.__module__) == (name, module)
    listed = dict(list_environments())
    assert set(BUILT_IN) <= set(listed)
    assert all(len(listed[name]) > 20 for name in PROCEDURAL)


def test_a_class_needs_generate():
    with pytest.raises(TypeError, match="defines no generate"):
        Environment().problem(0)


def test_the_salt_of_a_run_travels_with_its_grader():
    # a subprocess, since the salt is of the whole process
    code = (
        "import pickle; from envs.graders import EnvGrader; from envs.types import EnvSpec;"
        "from verifiers.algebra.sampling import seeded; from verifiers.parse import parse;"
        "x = parse('x'); before = seeded(x, x).random();"
        "grader = pickle.loads(pickle.dumps(EnvGrader(EnvSpec('sums'), salt='run 7'))); grader.warm_up();"
        "assert seeded(x, x).random() != before"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_setting_that_a_data_file_has_not_is_told_with_those_that_it_has(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "1 + 1?", "answer": "2", "split": "train"}\n')
    with pytest.raises(TypeError, match=r"no setting 'verfy'; did you mean 'verify'\?; it has path, prompt"):
        make(f"jsonl:{tmp_path}/rows.jsonl?verfy=numeric")


@pytest.mark.parametrize(
    ("key", "levels", "told"),
    [
        ("levels", (), r"are \(\), expected whole numbers from 0 on, one at least"),
        ("levels", ("easy", "hard"), "expected whole numbers"),
        ("levels", "12", "expected whole numbers"),
        ("levels", 3, "expected whole numbers"),
        ("ood_levels", (True,), "expected whole numbers"),
        ("ood_levels", None, "ood_levels of environment .* are None"),
    ],
)
def test_levels_of_a_class_are_whole_numbers(tmp_path, key, levels, told):
    path = tmp_path / "mine.py"
    path.write_text(f"from envs import Environment\n\n\nclass Mine(Environment):\n    {key} = {levels!r}\n")
    with pytest.raises(TypeError, match=told):
        make(f"{path}:Mine")


def test_a_setting_that_is_needed_is_named(file):
    with pytest.raises(TypeError, match=r"'jsonl' needs the setting 'path'; the first may stand after .*jsonl:PATH"):
        make("jsonl?prompt=question")
    with pytest.raises(TypeError, match="'mixture' needs the setting 'parts'"):
        make("mixture")
    with pytest.raises(TypeError, match="needs the setting 'id'"):
        make("gym")
    with pytest.raises(TypeError, match="'hf:' needs the setting 'dataset'"):
        make("hf:")
    file.write_text(FILE.format(name="needs_largest").replace("largest=10", "largest"))
    with pytest.raises(TypeError, match="needs the setting 'largest'"):
        make(f"{file}:doubled")
    assert make(f"{file}:doubled", largest=3).problem(0).answer
