"""How problems are put to the policy where the config does not say: each kind of model gets the form that it reads."""

from __future__ import annotations

from experiments.config.components import build_env
from experiments.config.experiment import Experiment
from experiments.config.sections import Component
from experiments.run.errors import UserError
from policies.pretrained.prompting import has_chat_template, is_tiny

CHAT, TEXT = "chat", "instruct"  # names of envs.prompts.TEMPLATES


def prompted(env: Component, path: str | None, *, trust_remote_code: bool = False) -> Component:
    """The environment's config, with the prompt template that fits the policy where it names none.

    A chat model gets its chat template and the instruction how to end, a base model the same as text, a tiny one the
    prompt as it is generated. An environment whose problems are messages already is left as it is.

    Args:
        path: of the policy; None for a tiny one.
    Raises:
        UserError: no tokenizer can be had there, or the prompts are messages and the policy has no chat template.
    """
    try:
        if path is None or is_tiny(path):
            return env
    except ValueError as error:
        raise UserError(f"policy.path: {error}") from error
    is_text = isinstance(build_env(env)[1].problem(0).prompt, str)
    is_named = "template" in env.settings or "template=" in env.name
    if is_text and is_named:
        return env
    try:
        is_chat = has_chat_template(path, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise UserError(f"policy.path: {' '.join(str(error).split())[:300]}") from error
    if is_text:
        return env.model_copy(update={"settings": {**env.settings, "template": CHAT if is_chat else TEXT}})
    if not is_chat:
        raise UserError(
            f"env: the prompts of {env.name!r} are messages, and the policy {path!r} has no chat template: choose an "
            "instruction-tuned model, or a template that writes text (env.template=instruct)"
        )
    return env


def with_prompts(experiment: Experiment) -> Experiment:
    """The config with the prompts that its policy reads; see `prompted`."""
    policy = experiment.policy
    env = prompted(experiment.env, policy.path, trust_remote_code=policy.trust_remote_code)
    return experiment.model_copy(update={"env": env})
