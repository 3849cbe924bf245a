"""Environments in which a policy may call tools: products too long for the head, an exact calculator at hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from envs.environment import Environment
from envs.registry import environment
from envs.tools.calls import Call, Form, InlineForm, JsonForm, MalformedCall
from envs.tools.run import Toolbox
from envs.tools.schema import Tool
from envs.tools.standard import calculator, python, symbolic
from envs.tools.walls import AUTO, PYTHON, choose
from envs.types import Message, Problem, Step, StopReason

TOOLS: dict[str, Tool] = {t.name: t for t in (calculator, symbolic, python)}
FORMS: dict[str, Callable[[Sequence[Tool]], Form]] = {"inline": InlineForm, "json": JsonForm}


def sandbox_of(env: Environment) -> str | None:
    """The wall behind which an environment, or a part of a mixture, runs programs; None where none does."""
    for each in (env, *getattr(env, "parts", {}).values()):
        if isinstance(each, ToolEnvironment) and PYTHON in {t.name for t in each.tools}:
            return each.sandbox
    return None


def _check_tools(tools: Any) -> None:
    """Raises ValueError when they are no tools, or two have one name."""
    if not isinstance(tools, Sequence) or isinstance(tools, str) or not tools:
        raise ValueError(f"tools is {tools!r:.60}, expected a list of tools, or of names of built-in ones")
    names = []
    for each in tools:
        if isinstance(each, str) and each not in TOOLS:
            raise ValueError(f"no built-in tool is called {each!r}; there are {', '.join(TOOLS)}")
        if not isinstance(each, str | Tool):
            raise ValueError(f"{each!r:.60} is no tool: write @tool (of envs.tools) above its function")
        names.append(each if isinstance(each, str) else each.name)
    if len(set(names)) < len(names):
        raise ValueError(f"two tools have one name: {', '.join(names)}")


class ToolEnvironment(Environment):
    """Base of environments with tools: a turn that ends in a call is answered, any other turn ends the transcript.

    Args:
        tools: tools, or names of built-in ones.
        form: "inline" (character-level policies) or "json" (chat models).
        max_turns: turns of the policy, the answer included.
        sandbox: what holds in the programs of the tool `python`: auto (the strongest that the machine has), bubblewrap,
            seccomp or process; `envs/tools/walls.py` says what each blocks.
    """

    def __init__(
        self,
        tools: Sequence[Tool | str] = ("calculator",),
        form: str = "inline",
        max_turns: int = 8,
        sandbox: str = AUTO,
    ) -> None:
        _check_tools(tools)
        if form not in FORMS:
            raise ValueError(f"form is {form!r}, expected one of {', '.join(FORMS)}")
        self.tools = tuple(TOOLS[t] if isinstance(t, str) else t for t in tools)
        self.form: Form = FORMS[form](self.tools)
        self.max_turns = max_turns
        self.sandbox = choose(sandbox, is_needed=PYTHON in {t.name for t in self.tools})

    @cached_property
    def toolbox(self) -> Toolbox:
        """The processes that run the tools; started at the first call."""
        return Toolbox(self.tools, sandbox=self.sandbox)

    def draw(self, index: int, *, split: str, seed: int, level: int | None) -> Problem:
        """Problem `index` of a split; in the JSON form with the tools' schemas, for the chat template to write."""
        problem = super().draw(index, split=split, seed=seed, level=level)
        if not isinstance(self.form, JsonForm):
            return problem
        return replace(problem, info={**problem.info, "tools": [tool.schema for tool in self.tools]})

    def turns(self, problem: Problem, steps: Sequence[str], answer: str) -> Sequence[tuple[str, str]]:
        """The calls with their results, then the answer."""
        return [*map(self.form.split, steps), (self.render_solution((), answer), "")]

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """The result of the call that the last turn makes; the end when it makes none."""
        turns = [message for message in transcript if message.role == "assistant"]
        try:
            call = self.form.read(turns[-1].content if turns else "")
        except MalformedCall as error:
            return Step(self.form.write_result(f"error: {error}"))
        if call is None:
            return Step(None, stop=StopReason.COMPLETED)
        if len(turns) >= self.max_turns:
            return Step(None, stop=StopReason.MAX_TURNS)
        result = self.toolbox.call(call)
        if result.stop is not None:
            return Step(None, stop=result.stop)
        return Step(self.form.write_result(result.text))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "toolbox"}


@environment("calculator_use", levels=(1, 2, 3), ood_levels=(4, 5), verify="numeric")
class CalculatorUse(ToolEnvironment):
    """Long products and sums to be worked out with a calculator, `[4821 * 977]` (level: operations)."""

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A chain of operations on numbers of three to five digits."""
        total = rng.randrange(100, 100_000)
        text, steps = str(total), []
        for i in range(level):
            op, number = rng.choice("*+-" if i else "*"), rng.randrange(100, 100_000 if i else 1000)
            call = Call("calculator", {"expression": f"{total} {op} {number}"})
            total = {"*": total * number, "+": total + number, "-": total - number}[op]
            steps.append(self.form.write_call(call) + self.form.write_result(str(total)))
            text = f"({text}) {op} {number}" if " " in text else f"{text} {op} {number}"
        return Problem(f"Compute {text}.", str(total), tuple(steps))
