"""No module of a package imports itself by way of others; imports inside functions and of types count like any."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("verifiers", "envs", "policies", "rl", "experiments")
MOST_IN_FUNCTIONS = 57  # of heavy and optional libraries, or with their reason beside them


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules():
    return {module_of(path): path for name in PACKAGES for path in (ROOT / name).rglob("*.py")}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


def graph():
    known = modules()
    arrows = {}
    for name, path in known.items():
        found = {other for other in imported(ast.parse(path.read_text())) if other in known} - {name}
        # `from package import module` names the module: the package's own file is only its address
        arrows[name] = {a for a in found if not any(b.startswith(f"{a}.") for b in found)}
    return arrows


def folder_of(module):
    """The folder of a package that a module lies in; a module beside the folders stands for itself."""
    return ".".join(module.split(".")[:2])


def circle(arrows):
    """A circle as a list of modules, or None: depth first, without recursion."""
    state = dict.fromkeys(arrows, "new")
    for start in arrows:
        stack = [(start, iter(sorted(arrows[start])))] if state[start] == "new" else []
        while stack:
            name, rest = stack[-1]
            state[name] = "open"
            following = next(rest, None)
            if following is None:
                state[name] = "done"
                stack.pop()
            elif state[following] == "open":
                path = [module for module, _ in stack]
                return [*path[path.index(following) :], following]
            elif state[following] == "new":
                stack.append((following, iter(sorted(arrows[following]))))
    return None


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_no_circle(package):
    arrows = {name: others for name, others in graph().items() if name.partition(".")[0] == package}
    own = {name: {other for other in others if other in arrows} for name, others in arrows.items()}
    assert circle(own) is None


@pytest.mark.parametrize("package", PACKAGES)
def test_the_folders_of_a_package_form_no_circle(package):
    folders = {folder_of(name): set() for name in modules() if name.partition(".")[0] == package and "." in name}
    for name, others in graph().items():
        if folder_of(name) in folders:
            folders[folder_of(name)] |= {folder_of(o) for o in others} & folders.keys() - {folder_of(name)}
    assert circle(folders) is None


def test_a_circle_would_be_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


def test_imports_inside_functions_are_few():
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules().values()
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert len(found) <= MOST_IN_FUNCTIONS, found
