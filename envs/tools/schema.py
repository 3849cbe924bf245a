"""Typed Python functions as tools: signature and Google-style docstring become the JSON schema chat templates read."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from verifiers.plugins import FILE_MODULE_PREFIX, load_file

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_ARGUMENT = re.compile(r"^\s*(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class Tool:
    """A function that a policy may call by name.

    Attributes:
        function: takes the declared arguments, returns a value that is shown as text; raises ValueError for
            arguments that it cannot use (the policy reads the message).
        name, description: what the policy reads.
        parameters: JSON schema of the arguments.
    """

    function: Callable[..., Any]
    name: str
    description: str
    parameters: Mapping[str, Any]

    @property
    def schema(self) -> dict[str, Any]:
        """The form that `apply_chat_template(tools=...)` takes."""
        body = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": body}

    def __reduce__(self) -> Any:
        if "<locals>" in self.function.__qualname__:
            raise TypeError(
                f"tool {self.name} is defined inside a function ({self.function.__qualname__}), where no other process "
                "finds it: define it at the top of its file"
            )
        module = self.function.__module__
        file = getattr(sys.modules.get(module), "__file__", None)
        if file and module.startswith(FILE_MODULE_PREFIX):  # a user's file: no other process knows it by that name
            module = file
        return load_tool, (module, self.function.__qualname__)

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Compares a call's arguments with the schema.

        Raises:
            ValueError: a missing, unknown or wrongly typed argument; the message is for the policy.
        """
        known = self.parameters["properties"]
        for name in arguments:
            if name not in known:
                raise ValueError(f"{self.name} has no argument {name!r}; it takes {', '.join(known)}")
        for name in self.parameters["required"]:
            if name not in arguments:
                raise ValueError(f"{self.name} needs the argument {name!r}")
        for name, value in arguments.items():
            if not _fits(value, known[name]):
                raise ValueError(
                    f"argument {name!r} of {self.name} is {str(value)[:40]!r}, expected {_expected(known[name])}"
                )


def load_tool(module: str, name: str) -> Tool:
    """The tool of an attribute of a module, or of a file that ends in .py: how a tool travels to another process."""
    value: Any = load_file(module) if module.endswith(".py") else importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value if isinstance(value, Tool) else tool(value)


def tool(function: Callable[..., Any]) -> Tool:
    """The tool of a function whose arguments are annotated and described under `Args:` in its docstring.

    Raises:
        TypeError: an argument without annotation or description, or of a type that JSON has not; or what is given is no
            plain function: a class, a coroutine, a generator.
    """
    if not inspect.isroutine(function):
        raise TypeError(f"a tool is a function, got {function!r:.60} ({type(function).__name__})")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(
            f"tool {function.__name__} is {'async' if inspect.iscoroutinefunction(function) else 'a generator'}: write "
            "a plain function that returns its result"
        )
    described, arguments = _read_docstring(function)
    hints = typing.get_type_hints(function)
    properties: dict[str, Any] = {}
    required = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"tool {function.__name__} takes any number of arguments ({parameter}): name each of them")
        if name not in hints:
            raise TypeError(f"argument {name!r} of tool {function.__name__} has no type annotation")
        if name not in arguments:
            raise TypeError(
                f"argument {name!r} of tool {function.__name__} is not described under Args: in its docstring"
            )
        properties[name] = {**_schema_of(hints[name], f"{function.__name__}({name})"), "description": arguments[name]}
        if parameter.default is parameter.empty:
            required.append(name)
    parameters = {"type": "object", "properties": properties, "required": required}
    return Tool(function, function.__name__, described, parameters)


def _schema_of(hint: Any, where: str) -> dict[str, Any]:
    if hint in _TYPES:
        return {"type": _TYPES[hint]}
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal and {type(value) for value in inner} <= {type(inner[0])} and type(inner[0]) in _TYPES:
        return {"type": _TYPES[type(inner[0])], "enum": list(inner)}
    if origin is list and inner:
        return {"type": "array", "items": _schema_of(inner[0], where)}
    if origin in (typing.Union, types.UnionType) and type(None) in inner and len(inner) == 2:
        return {**_schema_of(next(t for t in inner if t is not type(None)), where), "nullable": True}
    raise TypeError(f"{where} is annotated {hint!r}; tools take str, int, float, bool, lists, Literal and X | None")


def _read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    text = inspect.getdoc(function)
    if not text:
        raise TypeError(f"tool {function.__name__} has no docstring; its first paragraph is what the policy reads")
    description, _, rest = text.partition("Args:")
    arguments: dict[str, str] = {}
    last = None
    deepest = None  # indentation of the first argument: what is deeper goes on with the one before it
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break  # the next section
        match = _ARGUMENT.match(line)
        indent = len(line) - len(line.lstrip())
        if match and (deepest is None or indent <= deepest):
            deepest = indent
            last = match[1]
            arguments[last] = match[2].strip()
        elif last and line.strip():
            arguments[last] += " " + line.strip()
    return description.strip(), arguments


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    if value is None:
        return bool(schema.get("nullable"))
    if "enum" in schema:
        return value in schema["enum"]
    match schema["type"]:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, list) and all(_fits(item, schema["items"]) for item in value)


def _expected(schema: Mapping[str, Any]) -> str:
    return "one of " + ", ".join(map(str, schema["enum"])) if "enum" in schema else str(schema["type"])
