"""What the pages say exists: links, paths, commands, config keys, metrics, tests; pages written by code are current."""

import ast
import importlib
import re
import shlex
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import typer
import yaml
from pydantic import BaseModel

from experiments.__main__ import app
from experiments.config.arms.kinds import arm_kinds, methods_of
from experiments.config.experiment import Experiment
from experiments.config.reference import pages
from experiments.config.sections import Component
from experiments.hypotheses.vocabulary import Design
from rl.algorithms.registry import ALGORITHMS
from rl.records.names import METRICS, is_known
from verifiers.registry import BUILT_IN

ROOT = Path(__file__).parent.parent
PACKAGES = ("verifiers", "envs", "policies", "rl", "experiments")
WRITTEN = sorted((ROOT / "docs" / "environments").glob("*.md"))  # by `beyond env pages`
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")}
)
BY_HAND = [page for page in PAGES if page not in WRITTEN]
OURS = {
    "file.py",
    "mine.py",
    "my_file.py",
    "parity.py",
    "terse.py",
    "path/to/file.py",
    "path/to/median.py",
    "sft.py",
}  # readers' own
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def name_of(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text())


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).lower()) for text in headings)
    return {text.strip().replace(" ", "-") for text in plain}


def links(page):
    """(target as written, file, anchor) of every link within the project."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield target, (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    broken = [
        target
        for target, file, anchor in links(page)
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file))
    ]
    assert not broken


def test_every_page_is_reached_from_the_readme():
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        found.add(page)
        files = (file / "README.md" if file.is_dir() else file for _, file, _ in links(page))
        waiting += [file for file in files if file.suffix == ".md" and file.exists() and file not in found]
    assert not [name_of(page) for page in PAGES if page not in found]


@cache
def basenames():
    files = [path for package in (*PACKAGES, "examples", "tests") for path in (ROOT / package).rglob("*")]
    return {path.name for path in files}


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_files_that_are_named_exist(page):
    missing = []
    for code in CODE.findall(prose(page)):
        if not re.fullmatch(r"[\w./-]+(\.(py|c|h|yaml|toml|cfg)|/)|(results|tests)/[\w./-]+", code) or code in OURS:
            continue
        is_there = any((base / code).exists() for base in (ROOT, page.parent))
        if not is_there and not ("/" not in code.rstrip("/") and code.rstrip("/") in basenames()):
            missing.append(code)
    if page.name in ("run-folder.md", "reading-results.md"):  # folders of a run
        missing = [code for code in missing if not code.endswith("/")]
    assert not missing


# --- commands


def commands(page):
    """Every `beyond ...` of the fenced blocks, as arguments."""
    for language, block in FENCE.findall(page.read_text()):
        if language in ("python", "yaml", "text"):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            line = line.strip().removeprefix("$ ")
            if line.startswith("beyond "):
                yield shlex.split(line, comments=True)[1:]


def leaf(arguments):
    """The command that the first arguments name, and the rest of them."""
    command, rest = typer.main.get_command(app), list(arguments)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"no verb {rest[0]!r} in `beyond {' '.join(arguments)}`"
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_commands_in_blocks_are_understood(page):
    for arguments in commands(page):
        command, rest = leaf(arguments)
        if "--help" not in rest:
            context = command.make_context("beyond", rest)  # parses; runs nothing
            for text in context.params.get("override") or ():
                assert is_key(text.partition("=")[0]), text
            for text in context.params.get("grid") or ():
                assert is_key(text.partition("=")[0]), text


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_commands_in_sentences_exist(page):
    for code in CODE.findall(prose(page)):
        if not code.startswith("beyond ") or code.split()[1].isupper():
            continue
        command, rest = leaf(shlex.split(code)[1:])
        known = {option for parameter in command.params for option in parameter.opts}
        flags = [part for part in rest if re.fullmatch(r"--?[a-z][\w-]*", part) and part != "--help"]
        assert not set(flags) - known, code


# --- config keys


def is_key(key):
    """Whether a dotted key may stand in a config; settings of components and of demonstrators are theirs to judge."""
    return walk(Experiment, key.split("."))


def walk(model, parts):
    if not parts:
        return True
    first, *rest = parts
    if first not in model.model_fields:
        return False
    if first == "arms":
        return not rest[1:] or any(walk(kind, rest[1:]) for kind in arm_kinds())
    annotation = model.model_fields[first].annotation
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    sections = [kind for kind in kinds if issubclass(kind, BaseModel) and kind is not Component]
    if sections:
        return walk(sections[0], rest)
    return not rest or Component in kinds or dict in kinds or "dict" in str(annotation)


def keys_of(value, place=()):
    """Dotted keys of all that a YAML block says."""
    for key, item in value.items():
        yield ".".join((*place, str(key)))
        if isinstance(item, dict):
            yield from keys_of(item, (*place, str(key)))


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_config_keys_exist(page):
    blocks = [yaml.safe_load(block) for language, block in FENCE.findall(page.read_text()) if language == "yaml"]
    if page.name == "studies.md":  # its blocks are hypotheses, which have keys of their own
        blocks, known = [block for block in blocks if not set(block) <= set(Design.model_fields)], blocks
        assert Design.model_validate(known[0])
    wrong = [key for block in blocks for key in keys_of(block) if not is_key(key)]
    sections = "|".join(name for name in Experiment.model_fields)
    for code in CODE.findall(prose(page)):
        dotted = re.match(rf"((?:{sections})\.[a-z_.]*[a-z_])(?:=.*)?$", code.removeprefix("-s "))
        if (
            dotted
            and not code.endswith((".py", ".jsonl"))
            and not is_key(dotted[1])
            and not is_attribute(code)
            and code not in OURS
        ):
            wrong.append(code)
    assert not wrong


def is_attribute(name):
    """Whether a dotted name is a module, or something in one."""
    parts = name.partition("(")[0].split(".")
    for end in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:end])
        if path.with_suffix(".py").exists() or path.is_dir():
            target = importlib.import_module(".".join(parts[:end]))
            for part in parts[end:]:
                target = getattr(target, part, None)
            return target is not None
    return False


# --- names


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_metrics_exist(page):
    families = {name.partition("/")[0] for name in METRICS}
    unknown = []
    for code in CODE.findall(prose(page)):
        if not re.fullmatch(r"[a-z_]+(/[\w*]+)+", code) or code.partition("/")[0] not in families:
            continue
        if not (is_known(code) or any(fnmatchcase(name, code) for name in METRICS) or (ROOT / code).exists()):
            unknown.append(code)
    assert not unknown


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_tests_that_are_quoted_exist(page):
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    quoted = [code for code in CODE.findall(prose(page)) if re.fullmatch(r"test_\w+", code)]
    assert not [name for name in quoted if f"def {name}(" not in sources]


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_python_in_blocks_is_python_and_imports_what_there_is(page):
    for language, block in FENCE.findall(page.read_text()):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] in PACKAGES:
                module = importlib.import_module(node.module)
                assert not [alias.name for alias in node.names if not hasattr(module, alias.name)], block


def test_every_algorithm_arm_and_verifier_has_its_place():
    overview = (ROOT / "docs/algorithms/README.md").read_text()
    assert not [name for name in ALGORITHMS if f"[{name}]({name}.md)" not in overview]
    arms = (ROOT / "docs/arms.md").read_text()
    assert not [method for kind in arm_kinds() for method in methods_of(kind) if f"`{method}`" not in arms]
    verifiers = (ROOT / "docs/verifiers.md").read_text()
    assert not [name for name in BUILT_IN if f"`{name}`" not in verifiers]


@pytest.mark.parametrize("name", ["config.md", "metrics.md"])
def test_reference_pages_are_what_the_code_writes(name):
    assert (ROOT / "docs" / name).read_text() == pages()[name], "run: python -m experiments.config.reference"


def test_every_config_field_is_explained():
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| ([^|]*)\|$", pages()["config.md"].partition("## Algorithms")[0], re.MULTILINE
    )
    sections = {
        "policy",
        "rl",
        "preference",
        "evaluation",
        "workers",
        "tiny",
        "sampling",
        "optimizer",
        "reward_model",
        "dpo",
    }
    assert not [key for key, meaning in rows if not meaning.strip() and key not in sections]


def test_every_promise_of_the_security_page_names_its_test():
    text = (ROOT / "docs/security.md").read_text().partition("## What is not")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    promises = [row.rstrip("| ").rpartition("|")[2] for row in rows if not row.endswith("| test |")]
    assert len(promises) > 15
    assert not [tests for tests in promises if not re.fullmatch(r"( `(tests/[\w/]+\.py|test_\w+)`,?)+", tests)]
