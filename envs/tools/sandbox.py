"""Python written by a policy, run as safely as the machine allows.

Four walls. The program's syntax tree must consist of permitted nodes: no imports, no attributes but those of a short
list, no names with underscores. It runs with a handful of builtins in a fresh isolated interpreter (-I -S), never in
ours. That interpreter has limits on CPU time, memory, processes, open files and file size. CPython itself is no wall to
a determined attacker, so the fourth is the kernel's (`walls.py`): the strongest that the machine has, unless
`use_sandbox` named one.
"""

from __future__ import annotations

import ast
import os
import selectors
import subprocess
import tempfile
import time
from contextvars import ContextVar

from envs.tools.walls import AUTO, choose, command, filter_source

MAX_CODE_CHARACTERS = 4000
MAX_OUTPUT_CHARACTERS = 2000
MAX_OUTPUT_BYTES = 4 * MAX_OUTPUT_CHARACTERS  # what is read of it: a program may print gigabytes
CPU_SECONDS = 2
SIGNALLED = 128  # exit codes of bubblewrap above it: the program was ended by a signal
MEMORY_BYTES = 256 << 20

_NODES = (
    ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Break,
    ast.Continue, ast.Pass, ast.FunctionDef, ast.Return, ast.Lambda, ast.arguments, ast.arg, ast.Call,
    ast.keyword, ast.Name, ast.Load, ast.Store, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
    ast.IfExp, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.comprehension, ast.Subscript, ast.Slice, ast.Attribute, ast.JoinedStr, ast.FormattedValue, ast.Starred,
    ast.Assert, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_ATTRIBUTES = {
    "append", "extend", "pop", "insert", "sort", "reverse", "index", "count", "add", "remove", "discard", "update",
    "keys", "values", "items", "get", "join", "split", "strip", "isdigit", "numerator", "denominator", "copy",
    "sqrt", "isqrt", "gcd", "lcm", "comb", "perm", "factorial", "prod", "pi", "e", "floor", "ceil", "log", "exp",
    "sin", "cos", "tan", "Fraction", "permutations", "combinations", "product", "accumulate", "chain", "pairwise",
    "bit_length", "limit_denominator",
}  # fmt: skip
_MODULES = ("math", "fractions", "itertools")
_BUILTINS = (
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "int", "len", "list", "map", "max",
    "min", "pow", "print", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
)  # fmt: skip

_CHILD = f"""
import builtins, fractions, itertools, math, resource, sys
code = sys.stdin.read()
sys.stdin.close()
limits = [
    (resource.RLIMIT_CPU, {CPU_SECONDS}), (resource.RLIMIT_AS, {MEMORY_BYTES}), (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_NOFILE, 3), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NPROC, 0),
]
if sys.platform == "darwin":  # has no limit of the address space that can be set
    del limits[1]
for what, limit in limits:
    resource.setrlimit(what, (limit, limit))
FILTER
names = {{name: getattr(builtins, name) for name in {_BUILTINS!r}}}
scope = {{"__builtins__": names, "math": math, "fractions": fractions, "itertools": itertools,
          "Fraction": fractions.Fraction}}
try:
    exec(compile(code, "program", "exec"), scope)
except MemoryError:
    print("\\nMemoryError: over the memory limit")
    sys.exit(1)
except Exception as error:  # the program's own error is its result
    print(f"\\n{{type(error).__name__}}: {{error}}")
    sys.exit(1)
"""


def check_code(code: str) -> None:
    """Reads a program's syntax tree and refuses what is not permitted.

    Raises:
        ValueError: what stands in the way, for the policy to read.
    """
    if len(code) > MAX_CODE_CHARACTERS:
        raise ValueError(f"over {MAX_CODE_CHARACTERS} characters")
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not Python: {error}") from error
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise ValueError(f"{type(node).__name__} is not permitted")
        if isinstance(node, ast.Attribute) and node.attr not in _ATTRIBUTES:
            raise ValueError(f"the attribute {node.attr!r} is not permitted")
        name = node.id if isinstance(node, ast.Name) else node.name if isinstance(node, ast.FunctionDef) else ""
        if "__" in name:
            raise ValueError(f"the name {name!r} is not permitted")


# Of this process: the tools that a policy calls by name take no settings.
_SANDBOX = ContextVar("sandbox", default=AUTO)


def use_sandbox(wall: str) -> None:
    """From now on, programs that this process is given run behind this wall, which `walls.choose` found to work."""
    _SANDBOX.set(wall)


def child_source(wall: str) -> str:
    """What the child runs: limits, the wall's filter, then the program that stands on its standard input."""
    before, after = filter_source(wall)
    return f"{before}\n{_CHILD.replace('FILTER', after)}"


def run_python(code: str) -> str:
    """What a program prints.

    Raises:
        ValueError: it is not permitted, fails, or breaks a limit; the message is for the policy.
    """
    check_code(code)
    wall = _SANDBOX.get()
    return run_unchecked(code, choose() if wall == AUTO else wall)


def run_unchecked(code: str, wall: str) -> str:
    """What a program prints that may be anything: the syntax tree is not looked at.

    Raises:
        ValueError: as `run_python`.
    """
    with tempfile.TemporaryFile() as source:
        source.write(code.encode())
        source.seek(0)
        child = subprocess.Popen(
            command(wall, child_source(wall)),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
    output, is_late = _read_bounded(child)
    if is_late:
        raise ValueError(f"stopped after {2 * CPU_SECONDS} s")
    text = output.decode(errors="replace").strip()
    is_cut = len(output) == MAX_OUTPUT_BYTES
    if (child.returncode < 0 or child.returncode > SIGNALLED) and not is_cut:
        raise ValueError(f"stopped: over {CPU_SECONDS} s of processor time or over the memory limit")
    if child.returncode and not is_cut:
        raise ValueError((text.splitlines() or ["failed"])[-1])
    if len(text) > MAX_OUTPUT_CHARACTERS:
        return f"{text[:MAX_OUTPUT_CHARACTERS]} ... (cut)"
    return text or "(nothing was printed)"


def _read_bounded(child: subprocess.Popen[bytes]) -> tuple[bytes, bool]:
    """(what a child prints, up to MAX_OUTPUT_BYTES; whether it was still running at the deadline). It is dead then."""
    assert child.stdout is not None
    until = time.monotonic() + 2 * CPU_SECONDS
    output, is_late = b"", False
    try:
        with child.stdout as pipe, selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while len(output) < MAX_OUTPUT_BYTES:
                if not selector.select(max(0.0, until - time.monotonic())):
                    is_late = True
                    break
                chunk = os.read(pipe.fileno(), MAX_OUTPUT_BYTES - len(output))
                if not chunk:
                    break
                output += chunk
    finally:
        if is_late or len(output) == MAX_OUTPUT_BYTES:
            child.kill()
        child.wait()
    return output, is_late
