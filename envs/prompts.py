"""Prompt templates. A template changes how a problem is put, never which problem it is.

A template is a name from TEMPLATES, or a text of your own that holds {question}. The identity of a problem is taken
before the template is applied, so a policy trained with one template and evaluated with another shares no problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envs.types import Message, Problem

INSTRUCTION = "Work step by step. End with a line that holds {mark} and then the answer alone."

# Text templates are for base models and tiny policies, message templates for models with a chat template.
TEMPLATES: dict[str, str | tuple[Message, ...]] = {
    "question": "Question: {question}\nAnswer:",
    "instruct": "{question}\n\n" + INSTRUCTION + "\n\n",
    "chat": (Message("user", "{question}\n\n" + INSTRUCTION),),
    "system": (Message("system", INSTRUCTION), Message("user", "{question}")),
    "boxed": (Message("user", "{question}\n\nWork step by step and put the final answer within \\boxed{{}}."),),
}
MAX_SHOTS = 32


def present(
    problem: Problem,
    template: str,
    *,
    mark: str = "####",
    system: str = "",
    shots: Sequence[tuple[Problem, str]] = (),
) -> Problem:
    """The problem with its prompt written by a template; its identity stays.

    Args:
        template: a name of TEMPLATES, a text with {question}, or "" for the prompt as generated.
        mark: what announces an answer in this environment, put where a template says {mark}.
        system: a system message before everything; needs a template of messages.
        shots: (problem, worked solution) shown before the question: in text one after the other, in messages as
            turns. The problem itself is left out of them.
    Raises:
        ValueError: the template is neither a known name nor a text with {question}, or a system message meets text.
    """
    examples = [(shot, solution) for shot, solution in shots if shot.id != problem.id]
    if not (template or examples or system):
        return problem
    form = TEMPLATES.get(template, template or "{question}")
    canonical = problem.canonical or (problem.text if isinstance(problem.prompt, str) else "")
    if isinstance(form, str) and "{question}" not in form:
        raise ValueError(
            f"template is {template!r}, expected one of {', '.join(TEMPLATES)} or a text with {{question}}"
        )
    if not isinstance(problem.prompt, str):
        opening = (Message("system", system),) if system else ()
        return replace(problem, prompt=(*opening, *problem.prompt), canonical=canonical)
    if isinstance(form, str):
        if system:
            raise ValueError(f"system is a message, and the template {template!r} writes text: use template 'chat'")
        told = [f"{_fill(form, shot.text, mark)}{_gap(form)}{solution}" for shot, solution in examples]
        text = "\n\n".join([*told, _fill(form, problem.text, mark)])
        if told and form == "{question}":
            text += "\n"
        return replace(problem, prompt=text, canonical=canonical)
    *before, question = (Message(m.role, _fill(m.content, problem.text, mark)) for m in form)
    turns = [
        Message(role, text)
        for shot, solution in examples
        for role, text in ((form[-1].role, _fill(form[-1].content, shot.text, mark)), ("assistant", solution))
    ]
    opening = (Message("system", system),) if system else ()
    return replace(problem, prompt=(*opening, *before, *turns, question), canonical=canonical)


def _gap(form: str) -> str:
    """What stands between a question and its solution, where the form itself does not end the line."""
    return "" if form.endswith("\n") else "\n" if form == "{question}" else " "


def _fill(form: str, question: str, mark: str) -> str:
    """`form` with {question} and {mark} filled in; only these, so that braces elsewhere are harmless."""
    plain = form.replace("{mark}", mark).replace("{{", "{").replace("}}", "}")
    return plain.replace("{question}", question)
