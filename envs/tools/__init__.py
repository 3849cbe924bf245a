"""Tools that a policy may call: typed functions with schemas, run in killable processes."""

from envs.tools.calls import Call, InlineForm, JsonForm, MalformedCall
from envs.tools.run import Toolbox, ToolResult
from envs.tools.schema import Tool, tool
from envs.tools.standard import calculator, python, symbolic

__all__ = [
    "Call",
    "InlineForm",
    "JsonForm",
    "MalformedCall",
    "Tool",
    "ToolResult",
    "Toolbox",
    "calculator",
    "python",
    "symbolic",
    "tool",
]
