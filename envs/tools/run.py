"""Runs tools in processes that are killed when they break their deadline or memory limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from envs.tools.calls import Call
from envs.tools.sandbox import use_sandbox
from envs.tools.schema import Tool
from envs.tools.walls import AUTO, PYTHON, choose
from envs.types import StopReason
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Reason, Verdict

MAX_RESULT_CHARACTERS = 2000


@dataclass(frozen=True)
class ToolResult:
    """What a call gave.

    Attributes:
        text: the result, or an error that the policy can learn from.
        is_error: the call failed.
        stop: TOOL_STOPPED when the tool broke its deadline or memory limit; None otherwise.
    """

    text: str
    is_error: bool = False
    stop: StopReason | None = None


class _Runner:
    """What the worker processes run: a call in, a verdict that carries the text out."""

    def __init__(self, tools: Sequence[Tool], sandbox: str) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.sandbox = sandbox

    def __call__(self, call: Call) -> Verdict:
        use_sandbox(self.sandbox)
        try:
            text = str(self.tools[call.name].function(**call.arguments))
        except (ValueError, ArithmeticError, RecursionError) as error:
            return Verdict(Outcome.WRONG, 0.0, answer=f"error: {error}"[:MAX_RESULT_CHARACTERS])
        return Verdict(Outcome.CORRECT, 1.0, answer=text[:MAX_RESULT_CHARACTERS])


class Toolbox:
    """Tools by name, run with a deadline and a memory limit. A context manager; `close` ends its processes.

    Args:
        tools: module-level functions wrapped by `tool` (they travel to the processes by name).
        deadline_seconds, memory_bytes: per call.
        workers: processes.
        sandbox: what holds in the programs of the tool `python`: auto (the strongest that works), bubblewrap, seccomp
            or process; see `envs.tools.walls`.
    Raises:
        ValueError: the sandbox is unknown, or does not work on this machine.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        *,
        deadline_seconds: float = 2.0,
        memory_bytes: int = 1 << 30,
        workers: int = 1,
        sandbox: str = AUTO,
    ) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self._deadline_seconds = deadline_seconds
        self.sandbox = choose(sandbox, is_needed=PYTHON in self.tools)
        self._pool = VerifierPool(
            _Runner(tools, self.sandbox), workers=workers, deadline_seconds=deadline_seconds, memory_bytes=memory_bytes
        )

    def call(self, call: Call) -> ToolResult:
        """The result of one call. Never raises for what the call says."""
        tool = self.tools.get(call.name)
        if tool is None:
            return ToolResult(f"error: no tool {call.name[:40]!r}; there are {', '.join(self.tools)}", is_error=True)
        try:
            tool.check(call.arguments)
        except ValueError as error:
            return ToolResult(f"error: {error}", is_error=True)
        verdict = self._pool.grade([call])[0]
        if verdict.outcome is Outcome.TIMEOUT:
            text = f"error: stopped after {self._deadline_seconds:g} s"
            return ToolResult(text, is_error=True, stop=StopReason.TOOL_STOPPED)
        if verdict.reason is Reason.OUT_OF_MEMORY:
            return ToolResult("error: out of memory", is_error=True, stop=StopReason.TOOL_STOPPED)
        if verdict.outcome is Outcome.ERROR:
            return ToolResult(f"error: {verdict.detail}"[:200], is_error=True)
        return ToolResult(verdict.answer or "", is_error=verdict.outcome is Outcome.WRONG)

    def close(self) -> None:
        """Ends the processes."""
        self._pool.close()

    def __enter__(self) -> Toolbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
