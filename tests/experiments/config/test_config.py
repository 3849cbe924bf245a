"""Configs: what is merged, what is refused, and what the refusal says."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.config.experiment import Experiment
from experiments.config.loading import CONFIG_FOLDER, find_config, load_experiment, merge
from experiments.config.sections import Component
from experiments.run.errors import UserError

MINIMAL = "name: x\nenv: leaps\npolicy: {tiny: {layers: 2}}\n"


@pytest.fixture
def minimal(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(MINIMAL)
    return path


@pytest.mark.parametrize("path", sorted(CONFIG_FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_is_valid(path):
    assert load_experiment([path]).arms


def test_resolved_config_rebuilds_the_experiment():
    experiment = load_experiment(["demo"])
    assert Experiment.model_validate(experiment.model_dump(mode="json")) == experiment


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("rl.stpes=3", "unknown key 'rl.stpes'; did you mean 'steps'?"),
        ("arms.rl.mehtod=rl", "unknown key 'arms.rl.mehtod'; did you mean 'method'?"),
        ("rl.optimizer.lrr=1", "unknown key 'rl.optimizer.lrr'; did you mean 'lr'?"),
        (
            "rl.steps=many",
            "rl.steps: input should be a valid integer, unable to parse string as an integer (got 'many')",
        ),
        ("rl.optimizer.lr=-1", "rl.optimizer.lr: input should be greater than 0 (got -1)"),
        (
            "arms={x: {method: kt0}}",
            "arms.x.method: input should be one of rl, imitation, expert_iteration, best_of_n, dpo, ipo, kto, "
            "online_dpo, distill (got 'kt0'); did you mean 'kto'?",
        ),
        ("arms={x: {method: kto, bta: 0.1}}", "unknown key 'arms.x.bta'; did you mean 'beta'?"),
        (
            "arms={x: {method: expert_iteration, optimizer: {lrr: 1}}}",
            "unknown key 'arms.x.optimizer.lrr'; did you mean 'lr'?",
        ),
        (
            "arms={x: {method: distill, teacher: y, student: {tiny: {}}}}",
            "arm 'x' builds on 'y', which is no arm before it",
        ),
        (
            "arms={b: {method: best_of_n}, x: {method: best_of_n, policy: b}}",
            "arm 'x' builds on 'b', which trains no policy",
        ),
        ("arms={x: {method: ipo, dpo: {loss: hinge}}}", "use method dpo"),
        ("arms={x/y: rl}", "expected letters, digits"),
        ("preference.reward_model.combine=min", "combines nothing with members 1"),
        ("arms={x: {rl: {optimizer: {lrr: 1}}}}", "arms.x.rl: unknown key 'optimizer.lrr'; did you mean 'lr'?"),
        ("arms={x: {method: dpo, dpo: {bta: 1}}}", "arms.x.dpo: unknown key 'bta'; did you mean 'beta'?"),
        ("policy.tiny.heads=3", "policy.tiny: hidden 64 over heads 3 is not an even number"),
        ("policy={path: somewhere, tiny: {}}", "exactly one of `path`"),
        ("rl.steps", "is not of the form key=value"),
        ("arms={}", "arms is empty"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_expected(minimal, override, told):
    with pytest.raises(UserError) as caught:
        load_experiment([minimal], [override])
    assert told in str(caught.value)


def test_a_model_takes_the_place_of_the_model_of_the_file_below(minimal):
    other = load_experiment([minimal], ["policy.path=somewhere"]).policy
    assert (other.path, other.tiny) == ("somewhere", None)
    back = load_experiment([minimal], ["policy.path=somewhere", "policy.tiny.hidden=32"]).policy
    assert back.path is None
    assert back.tiny is not None
    assert back.tiny.hidden == 32


def test_every_mistake_of_a_config_is_told_at_once(minimal):
    with pytest.raises(UserError) as caught:
        load_experiment([minimal], ["rl.stpes=3", "evaluation.num_samples=x"])
    assert len(str(caught.value).splitlines()) == 2


def test_missing_file_names_the_nearest_shipped_config():
    with pytest.raises(UserError, match="did you mean 'demo'"):
        find_config("demoo")


def test_broken_yaml_is_a_users_mistake(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("name: [")
    with pytest.raises(UserError, match="is not valid YAML"):
        load_experiment([path])


def test_base_that_includes_itself_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("base: b.yaml\n")
    (tmp_path / "b.yaml").write_text("base: a.yaml\n")
    with pytest.raises(UserError, match="includes itself"):
        load_experiment([tmp_path / "a.yaml"])


def test_base_is_read_first_and_lists_replace(tmp_path, minimal):
    child = tmp_path / "child.yaml"
    child.write_text("base: x.yaml\nname: child\nseeds: [4, 5]\nrl: {steps: 7}\n")
    experiment = load_experiment([child], ["rl.optimizer.lr=3e-5"])
    assert (experiment.name, experiment.seeds, experiment.rl.steps) == ("child", (4, 5), 7)
    assert experiment.rl.optimizer.lr == 3e-5
    assert experiment.policy.tiny is not None


def test_naming_another_component_drops_the_old_ones_settings():
    merged = merge({"algorithm": {"name": "grpo", "clip": 0.2}}, {"algorithm": {"name": "ppo"}})
    assert merged == {"algorithm": {"name": "ppo"}}
    same = merge({"algorithm": {"name": "grpo", "clip": 0.2}}, {"algorithm": {"name": "grpo", "scale": "none"}})
    assert same == {"algorithm": {"name": "grpo", "clip": 0.2, "scale": "none"}}


def test_a_setting_joins_the_short_form_that_it_is_laid_over():
    resolved = {"rl": {"algorithm": {"name": "grpo", "settings": {"scale": "group_std", "kl": {"beta": 0.01}}}}}
    merged = merge(resolved, {"rl": {"algorithm": {"kl": {"beta": 0.2}}}})
    assert merged == {"rl": {"algorithm": {"name": "grpo", "scale": "group_std", "kl": {"beta": 0.2}}}}
    assert merge(resolved, {"rl": {"algorithm": {"name": "rloo"}}}) == {"rl": {"algorithm": {"name": "rloo"}}}
    merged = merge({"rl": {"curriculum": "learnability"}}, {"rl": {"curriculum": {"floor": 0.1}}})
    assert merged == {"rl": {"curriculum": {"name": "learnability", "floor": 0.1}}}
    merged = merge({"policy": "a/b", "arms": {"x": "kto"}}, {"policy": {"device": "cuda"}, "arms": {"x": {"beta": 1}}})
    assert merged == {"policy": {"path": "a/b", "device": "cuda"}, "arms": {"x": {"method": "kto", "beta": 1}}}


@pytest.mark.parametrize(
    ("override", "component", "expected"),
    [
        ("rl.algorithm.mask_truncated=true", "algorithm", {"name": "grpo", "settings": {"mask_truncated": True}}),
        ("rl.algorithm={settings: {mask_truncated: true}}", "algorithm", None),
        ("rl.curriculum={pool: 3}", "curriculum", {"name": "uniform", "settings": {"pool": 3}}),
    ],
)
def test_settings_without_a_name_are_those_of_the_default_component(minimal, override, component, expected):
    found = getattr(load_experiment([minimal], [override]).rl, component).model_dump()
    assert found == (expected or {"name": "grpo", "settings": {"mask_truncated": True}})


def test_an_arms_settings_without_a_name_are_those_of_its_default_reward(minimal):
    arms = load_experiment([minimal], ["arms={rl: {method: rl, reward: {weights: {verified: 1.0}}}}"]).arms
    assert arms["rl"].reward == Component(name="verifier", settings={"weights": {"verified": 1.0}})


def test_component_short_and_long_forms_are_equal():
    assert Component.model_validate("leaps") == Component.model_validate({"name": "leaps"})
    long = Component.model_validate({"name": "leaps", "modulus": 7})
    assert long.settings == {"modulus": 7}
    assert Component.model_validate(long.model_dump()) == long


def test_a_null_arm_is_left_out():
    assert list(load_experiment(["demo"], ["arms={rlhf: null, rlhf-loose: null, dpo: null}"]).arms) == ["rl"]


def test_an_arms_settings_join_those_of_the_shared_component(minimal):
    own = "arms={a: {method: rl, rl: {curriculum: {name: learnability, levels: [4, 5]}}}, b: {method: rl}}"
    experiment = load_experiment([minimal], ["rl={curriculum: {name: learnability, floor: 0.1}}", own])
    assert experiment.arms["a"].rl_over(experiment).curriculum.settings == {"floor": 0.1, "levels": [4, 5]}
    assert experiment.arms["b"].rl_over(experiment).curriculum.settings == {"floor": 0.1}


def test_an_arm_changes_only_its_own_rl_settings(minimal):
    experiment = load_experiment([minimal], ["arms={a: {method: rl, rl: {steps: 9}}, b: {method: rl}}"])
    assert experiment.arms["a"].rl_over(experiment).steps == 9
    assert experiment.arms["b"].rl_over(experiment).steps == experiment.rl.steps


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*Experiment.model_fields, "x"]), json_values, max_size=5))
def test_any_mapping_is_an_experiment_or_a_users_mistake(tmp_path_factory, raw):
    import yaml

    path: Path = tmp_path_factory.mktemp("fuzz") / "c.yaml"
    path.write_text(yaml.safe_dump(raw))
    with contextlib.suppress(UserError):  # anything else is a defect
        assert load_experiment([path]).arms


def test_a_config_of_another_version_is_a_users_mistake(tmp_path):
    from experiments.config.loading import load_resolved

    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL + "rl: {stepz: 3}\n")
    with pytest.raises(UserError, match=r"written by another version: unknown key 'rl\.stepz'"):
        load_resolved(path)
    with pytest.raises(UserError, match="does not exist"):
        load_resolved(tmp_path / "none.yaml")


def test_an_arm_changes_single_settings_of_a_component():
    over = ["arms.rlhf.rl.algorithm.kl.beta=0.2", "arms.rlhf.preference={annotator: {name: careful, flip: 0.2}}"]
    experiment = load_experiment(["demo"], over)
    arm = experiment.arms["rlhf"]
    changed = dict(experiment.rl.algorithm.settings) | {"kl": {"beta": 0.2}}
    assert arm.rl_over(experiment).algorithm.settings == changed
    assert arm.preference_over(experiment).annotator.settings == {"flip": 0.2}


def test_the_arm_that_another_builds_on_is_no_folder_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "rl").mkdir()
    monkeypatch.chdir(tmp_path)
    text = (
        "name: mine\nenv: leaps\npolicy: {tiny: {}}\narms: {rl: {method: rl}, more: {method: best_of_n, policy: rl}}\n"
    )
    (tmp_path / "mine.yaml").write_text(text)
    assert load_experiment([tmp_path / "mine.yaml"]).arms["more"].policy == "rl"
