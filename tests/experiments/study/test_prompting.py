"""Each kind of policy is asked in the form that it reads, unless the config says how."""

import json
from types import SimpleNamespace

import pytest

from experiments.config.sections import Component
from experiments.run.errors import UserError
from experiments.stages.prompting import prompted
from policies.pretrained.prompting import has_chat_template, with_template_settings
from policies.tiny import TinyConfig, build_tiny


@pytest.fixture
def folders(tmp_path):
    """Folders of a chat model, a base model and a tiny one; of the first two only what says how they are asked."""
    for name in ("chat", "base"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
        (tmp_path / name / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE"}}))
    (tmp_path / "chat" / "chat_template.jinja").write_text("{{ messages }}")
    build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary="abc", seed=0).save(tmp_path / "tiny")
    return tmp_path


@pytest.mark.parametrize(("kind", "template"), [("chat", "chat"), ("base", "instruct"), ("tiny", None)])
def test_the_template_is_that_of_the_kind_of_policy(folders, kind, template):
    env = prompted(Component(name="addition"), str(folders / kind))
    assert env.settings.get("template") == template


def test_a_policy_from_scratch_reads_the_prompt_as_it_is():
    assert prompted(Component(name="addition"), None).settings == {}


@pytest.mark.parametrize("env", [{"name": "addition", "template": ""}, "addition?template=question"])
def test_a_template_that_the_config_names_is_kept(folders, env):
    component = Component.model_validate(env)
    assert prompted(component, str(folders / "chat")) == component


def test_messages_for_a_model_without_a_chat_template_are_told_before_the_run(folders):
    calculator = Component(name="calculator_use", settings={"form": "json", "template": "chat"})
    assert prompted(calculator, str(folders / "chat")) == calculator
    with pytest.raises(UserError, match="has no chat template: choose an instruction-tuned model"):
        prompted(calculator, str(folders / "base"))


def test_a_damaged_tokenizer_config_is_told(folders):
    (folders / "base" / "tokenizer_config.json").write_text("{")
    with pytest.raises(UserError, match=r"tokenizer_config\.json cannot be read as JSON"):
        prompted(Component(name="addition"), str(folders / "base"))
    assert has_chat_template(folders / "chat")


def test_settings_of_a_chat_template_stay_with_the_tokenizer():
    from transformers.utils.chat_template_utils import render_jinja_template

    text = "{% if enable_thinking is defined and not enable_thinking %}<quiet>{% endif %}{{ depth }}{{ name }}"
    tokenizer = SimpleNamespace(chat_template=text)
    with_template_settings(tokenizer, {"enable_thinking": False, "depth": 3, "name": 'a"b'})
    (written,), _ = render_jinja_template([[{"role": "user", "content": "x"}]], chat_template=tokenizer.chat_template)
    assert written == '<quiet>3a"b'


def test_settings_of_a_chat_template_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="no chat template"):
        with_template_settings(SimpleNamespace(chat_template=None), {"enable_thinking": False})
    with pytest.raises(ValueError, match="sets think, which the model's chat template does not read"):
        with_template_settings(SimpleNamespace(chat_template="{{ thinking }}"), {"think": False})
    for name, value in (("a b", 1), ("tools", [1])):
        with pytest.raises(ValueError, match="expected true, false, a number or text"):
            with_template_settings(SimpleNamespace(chat_template="x"), {name: value})
