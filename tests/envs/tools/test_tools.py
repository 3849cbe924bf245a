"""Tools: schemas from signatures, calls in two forms, deadlines and memory limits, a Python sandbox that holds."""

import importlib
import pickle
import subprocess
import sys
import time
import tracemalloc
from typing import Literal

import pytest
from transformers.utils import get_json_schema

from envs import make
from envs.procedural.tool_use import ToolEnvironment
from envs.tools import Call, InlineForm, JsonForm, MalformedCall, Tool, Toolbox, calculator, python, symbolic, tool
from envs.tools.sandbox import run_python
from envs.types import StopReason


def convert(amount: float, unit: Literal["m", "km"], places: int = 2, names: list[str] | None = None) -> str:
    """
    Converts an amount.

    Args:
        amount: The amount
            to convert.
        unit: Its unit.
        places: Decimals.
        names: Other names.

    Returns:
        The text.
    """
    return f"{amount}{unit}"


SLOW_TOOLS = '''
import time

def sleep(seconds: int) -> str:
    """Sleeps.

    Args:
        seconds: How long.
    """
    time.sleep(seconds)
    return "awake"

def fill(megabytes: int) -> str:
    """Fills memory.

    Args:
        megabytes: How much.
    """
    return str(len(bytearray(megabytes << 20)))
'''


@pytest.fixture
def slow_tools(tmp_path, monkeypatch):
    """A module that tool processes can import too."""
    (tmp_path / "slow_tools_of_a_test.py").write_text(SLOW_TOOLS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return importlib.import_module("slow_tools_of_a_test")


def test_schemas_are_those_of_hugging_face():
    def plain(schema):
        function = schema["function"]
        parameters = function["parameters"]
        return function["name"], function["description"], parameters["properties"], sorted(parameters["required"])

    for function in (convert, calculator.function, python.function):
        assert plain(tool(function).schema) == plain(get_json_schema(function))


def test_functions_that_make_no_schema_are_refused():
    def silent(a: int) -> int:
        return a

    def untyped(a):
        """Does.

        Args:
            a: Something.
        """

    def undescribed(a: int) -> int:
        """Does."""
        return a

    for function, message in ((silent, "no docstring"), (untyped, "no type annotation"), (undescribed, "Args:")):
        with pytest.raises(TypeError, match=message):
            tool(function)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs the argument 'amount'"),
        ({"amount": 1, "unit": "m", "colour": "red"}, "no argument 'colour'"),
        ({"amount": "1", "unit": "m"}, "expected number"),
        ({"amount": True, "unit": "m"}, "expected number"),
        ({"amount": 1, "unit": "cm"}, "one of m, km"),
        ({"amount": 1, "unit": "m", "names": [1]}, "expected array"),
    ],
)
def test_arguments_are_compared_with_the_schema(arguments, message):
    with pytest.raises(ValueError, match=message):
        tool(convert).check(arguments)


def test_json_calls():
    form = JsonForm()
    call = Call("calculator", {"expression": "12*7"})
    assert form.read("I compute. " + form.write_call(call)) == call
    assert form.read("no call") is None
    for bad in (
        "<tool_call>{",
        "<tool_call>[]</tool_call>",
        '<tool_call>{"name": 3}</tool_call>',
        "<tool_call>" + "[" * 3000,
    ):
        with pytest.raises(MalformedCall):
            form.read(bad)


def test_inline_calls():
    form = InlineForm([calculator, python, symbolic, tool(convert)])
    assert form.read("so [12*7]") == Call("calculator", {"expression": "12*7"})
    assert form.read("so [12*7]=84 and") is None
    assert form.read("[python: x = 2; print(x)]") == Call("python", {"code": "x = 2; print(x)"})
    solve = Call("symbolic", {"operation": "solve", "expression": "x^2 - 4 = 0"})
    assert form.read("[symbolic: solve; x^2 - 4 = 0]") == solve
    assert form.read("[convert: 2; km; 3]").arguments == {"amount": 2.0, "unit": "km", "places": 3}
    assert form.read("[3:4]") == Call("calculator", {"expression": "3:4"})  # names no tool
    assert form.write_call(form.read("[12*7]")) + form.write_result("84") == "[12*7]=84"
    assert form.read(form.write_call(solve)) == solve
    assert form.split("[12*7]=84") == ("[12*7]", "=84")


@pytest.mark.parametrize(
    ("turn", "text"),
    [
        ("[12*7]", "84"),
        ("[python: print(6*7)]", "42"),
        ("[symbolic: solve; x - 4 = 0]", "[4]"),
        ("[symbolic: bake; x]", "error: argument 'operation' of symbolic is 'bake', expected one of simplify"),
        ("[symbolic: solve]", "error: symbolic needs the argument 'expression'"),
        ("[python:]", "(nothing was printed)"),
    ],
)
def test_every_tool_can_be_called_inline(toolbox, turn, text):
    call = InlineForm([calculator, symbolic, python]).read(turn)
    assert toolbox.call(call).text.startswith(text)


@pytest.fixture(scope="module")
def toolbox():
    with Toolbox([calculator, symbolic, python], deadline_seconds=6, memory_bytes=1 << 30) as box:
        yield box


def test_the_calculator_is_exact(toolbox):
    assert toolbox.call(Call("calculator", {"expression": "(3/4 + 5) * 12^2"})).text == "828"
    assert toolbox.call(Call("calculator", {"expression": "1/3 - 1/7"})).text == "4/21"
    assert toolbox.call(Call("calculator", {"expression": "1/0"})).is_error
    assert toolbox.call(Call("calculator", {"expression": "__import__('os')"})).is_error


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"operation": "differentiate", "expression": "x^3 + 2x"}, "3*x^2 + 2"),
        ({"operation": "solve", "expression": "x^2 - 5x + 6 = 0"}, "[2, 3]"),
        ({"operation": "factor", "expression": "x^2 - 1"}, "(x - 1)*(x + 1)"),
        ({"operation": "expand", "expression": "(x+1)^2"}, "x^2 + 2*x + 1"),
        ({"operation": "integrate", "expression": "2y", "variable": "y"}, "y^2"),
        ({"operation": "limit", "expression": "sin(x)/x"}, "1"),
    ],
)
def test_symbolic_mathematics(toolbox, arguments, text):
    assert toolbox.call(Call("symbolic", arguments)).text == text


def test_symbolic_tool_never_evaluates_text(toolbox):
    assert toolbox.call(Call("symbolic", {"operation": "simplify", "expression": "__import__('os').getcwd()"})).is_error


def test_calls_that_name_no_tool_are_answered(toolbox):
    result = toolbox.call(Call("calculater", {}))
    assert result.is_error
    assert "calculator" in result.text


def test_a_tool_that_breaks_its_deadline_is_stopped(slow_tools):
    with Toolbox([tool(slow_tools.sleep)], deadline_seconds=0.5) as box:
        result = box.call(Call("sleep", {"seconds": 30}))
        assert result.stop is StopReason.TOOL_STOPPED
        assert box.call(Call("sleep", {"seconds": 0})).text == "awake"


def test_a_tool_that_breaks_its_memory_limit_is_stopped(slow_tools):
    with Toolbox([tool(slow_tools.fill)], deadline_seconds=20, memory_bytes=512 << 20) as box:
        assert box.call(Call("fill", {"megabytes": 4000})).stop is StopReason.TOOL_STOPPED
        assert box.call(Call("fill", {"megabytes": 1})).text == str(1 << 20)


def test_python_runs_programs():
    assert run_python("total = 0\nfor i in range(10):\n    total += i * i\nprint(total)") == "285"
    assert run_python("print(math.gcd(12, 18), Fraction(1, 3) + Fraction(1, 6))") == "6 1/2"
    assert run_python("x = 1") == "(nothing was printed)"


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "open('/etc/passwd')",
        "().__class__.__mro__",
        "eval('1')",
        "__builtins__",
        "print(getattr(math, 'sin'))",
        "[c for c in ().__class__.__base__.__subclasses__()]",
        "'{0.__class__}'.format(1)",
        "while True: pass",
        "x = [0] * 10**9",
        "def f(): return f()\nf()",
        "not python",
        "print(9**9**9)",
        "print(f'{1:1000000000}')",
        "s = 'a'\nwhile True: s = s + s",
        "__import__('os').fork()",
        "[fork() for fork in range(10)][0]()",
        "lambda: (yield)",
        "class A: pass",
        "async def f(): pass",
        "with open('x') as f: pass",
        "try: pass\nexcept: pass",
        "math.__dict__",
        "fractions.sys",
        "print.__self__",
        "(lambda: 0).__globals__",
        "x = 1 if '__class__' else ().__class__",
    ],
)
def test_python_refuses_or_stops(code):
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"\w"):
        run_python(code)
    assert time.monotonic() - began < 30


def test_a_program_that_prints_for_ever_is_cut_and_its_output_never_held():
    tracemalloc.start()
    began = time.monotonic()
    text = run_python("while True: print('a' * 100000)")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.monotonic() - began < 4
    assert text.endswith("... (cut)")
    assert peak < 1 << 20


def test_a_program_that_fails_tells_its_error_after_what_it_printed():
    with pytest.raises(ValueError, match=r"^ZeroDivisionError"):
        run_python("print('so far')\nx = 1 / 0")


def test_tools_are_values():
    assert isinstance(calculator, Tool)
    assert calculator.parameters["required"] == ["expression"]
    assert pickle.loads(pickle.dumps(calculator)) == calculator


def test_a_tool_in_a_file_of_ones_own_works_in_other_processes(tmp_path):
    file = tmp_path / "doubling.py"
    file.write_text(
        "from envs import Problem\n"
        "from envs.procedural.tool_use import ToolEnvironment\n"
        "from envs.tools import tool\n\n"
        "@tool\n"
        "def double(n: int) -> int:\n"
        '    """Twice a number.\n\n    Args:\n        n: The number.\n    """\n'
        "    return 2 * n\n\n"
        "class Doubling(ToolEnvironment):\n"
        '    verify = "numeric"\n\n'
        "    def __init__(self):\n"
        "        super().__init__(tools=[double])\n\n"
        "    def generate(self, rng, level):\n"
        "        n = rng.randint(1, 10**6)\n"
        '        return Problem(f"Double {n}.", str(2 * n), (f"[double({n})={2 * n}]",))\n'
    )
    env = make(f"{file}:Doubling")
    result = env.toolbox.call(Call("double", {"n": 21}))  # the tool runs in a process of its own
    assert result.text == "42"
    code = "import pickle, sys\nprint(pickle.load(sys.stdin.buffer).function(21))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(env.tools[0]), capture_output=True, timeout=60
    )
    assert done.stdout.strip() == b"42", done.stderr.decode()[-500:]


def looks_up(item: str) -> int:
    """Looks up.

    Args:
        item: What.
    """
    return len(item)


async def waits(item: str) -> int:
    """Looks up.

    Args:
        item: What.
    """
    return len(item)


def yields(item: str):
    """Looks up.

    Args:
        item: What.
    """
    yield len(item)


def takes_all(*item: str) -> int:
    """Looks up.

    Args:
        item: What.
    """
    return len(item)


def odd_literal(item: Literal[b"a"]) -> int:
    """Looks up.

    Args:
        item: What.
    """
    return len(item)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (waits, "waits is async"),
        (yields, "yields is a generator"),
        (takes_all, r"any number of arguments \(\*item"),
        (odd_literal, "is annotated"),
        (type("Thing", (), {}), "a tool is a function"),
        (3, "a tool is a function, got 3"),
    ],
)
def test_what_can_be_no_tool_is_told_when_it_is_made(function, told):
    with pytest.raises(TypeError, match=told):
        tool(function)


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        (tool(looks_up), "expected a list of tools"),
        ("calculator", "expected a list of tools"),
        ((), "expected a list of tools"),
        ((looks_up,), "write @tool"),
        (("calculator", "calculater"), "no built-in tool"),
        ((tool(looks_up), tool(looks_up)), "two tools have one name: looks_up, looks_up"),
    ],
)
def test_what_an_environment_cannot_have_as_tools_is_refused(tools, told):
    with pytest.raises(ValueError, match=told):
        ToolEnvironment(tools=tools)


def test_a_tool_inside_a_function_says_that_no_other_process_finds_it():
    def inside(item: str) -> int:
        """Looks up.

        Args:
            item: What.
        """
        return len(item)

    with pytest.raises(TypeError, match="define it at the top of its file"):
        pickle.dumps(tool(inside))


def test_a_docstring_may_be_indented_with_tabs():
    def looks(item: str, at: int) -> int:
        return at

    looks.__doc__ = "Looks up.\n\n\tArgs:\n\t\titem: What,\n\t\t\tand more: of it.\n\t\tat: Where.\n"
    properties = tool(looks).parameters["properties"]
    assert properties["item"]["description"] == "What, and more: of it."
    assert properties["at"]["description"] == "Where."
