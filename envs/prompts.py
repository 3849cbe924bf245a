"""Prompt templates. A template changes how a problem is put, never which problem it is.

A template is a name from TEMPLATES, or a text of your own that holds {question}. The identity of a problem is taken
before the template is applied, so a policy trained with one template and evaluated with another shares no problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from envs.types import Message, Problem

if TYPE_CHECKING:
    from envs.types import Environment

INSTRUCTION = "Work step by step. End with a line that holds #### and then the answer alone."

# Text templates are for base models and tiny policies, message templates for models with a chat template.
TEMPLATES: dict[str, str | tuple[Message, ...]] = {
    "question": "Question: {question}\nAnswer:",
    "instruct": "{question}\n\n" + INSTRUCTION + "\n\n",
    "chat": (Message("user", "{question}\n\n" + INSTRUCTION),),
    "system": (Message("system", INSTRUCTION), Message("user", "{question}")),
    "boxed": (Message("user", "{question}\n\nWork step by step and put the final answer within \\boxed{{}}."),),
}


def present(problem: Problem, template: str) -> Problem:
    """The problem with its prompt written by a template; its identity stays.

    Raises:
        ValueError: the template is neither a known name nor a text with {question}.
    """
    if not template:
        return problem
    form = TEMPLATES.get(template, template)
    canonical = problem.canonical or (problem.text if isinstance(problem.prompt, str) else "")
    prompt: str | tuple[Message, ...]
    if isinstance(form, str):
        if "{question}" not in form:
            raise ValueError(
                f"template is {template!r}, expected one of {', '.join(TEMPLATES)} or a text with {{question}}"
            )
        prompt = _fill(form, problem.text)
    elif isinstance(problem.prompt, str):
        prompt = tuple(Message(m.role, _fill(m.content, problem.prompt)) for m in form)
    else:
        return problem  # messages already
    return replace(problem, prompt=prompt, canonical=canonical)


def _fill(form: str, question: str) -> str:
    """`form` with {question} filled in; only that field, so that braces in a question or a template are harmless."""
    return form.replace("{{", "{").replace("}}", "}").replace("{question}", question)


def few_shot_prompt(env: Environment, problem: Problem, shots: Sequence[Problem]) -> Problem:
    """The problem preceded by worked examples; for base models.

    Raises:
        ValueError: the problem itself is among the examples.
    """
    if problem.id in {shot.id for shot in shots}:
        raise ValueError(f"problem {problem.id} is among its own examples; draw the examples from the training split")
    examples = [f"{shot.text}\n{env.home(shot).render_solution(shot.solution, shot.answer)}" for shot in shots]
    text = "\n\n".join([*examples, problem.text]) + "\n"
    return replace(problem, prompt=text, canonical=problem.canonical or problem.text)
