"""Hooks of mkdocs: pages from outside docs/, pages of the Python interface, links that leave docs/.

The interface is what the five packages export, read off their syntax trees; nothing is imported.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
OUTSIDE = {"README.md": "project.md", "CONTRIBUTING.md": "contributing.md", "LOG.md": "log.md"}  # file -> page
EXPORTS = {  # package -> the file whose imports are its interface
    "verifiers": "verifiers/__init__.py",
    "envs": "envs/__init__.py",
    "policies": "policies/api.py",
    "rl": "rl/api.py",
    "experiments": "experiments/__init__.py",
}
FOLDERS = ("algorithms", "environments")  # of docs/, listed whole
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def exported(file: Path) -> list[tuple[str, str]]:
    """(name, where it lives) of every public name that a file imports or defines."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in EXPORTS:
            found += [(alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found.append((node.name, f"{file.parent.name}.{node.name}"))
    return sorted({name: where for name, where in found if name != "*"}.items())


def on_config(config: Any) -> Any:
    """Folders in the navigation stand for their pages."""
    folders = {name: sorted(path.name for path in (ROOT / "docs" / name).glob("*.md")) for name in FOLDERS}
    folders["api"] = [f"{package}.md" for package in EXPORTS]

    def expanded(entry: Any) -> list[Any]:
        """The entries that one entry stands for."""
        if isinstance(entry, dict):
            return [
                {
                    name: [each for one in part for each in expanded(one)] if isinstance(part, list) else part
                    for name, part in entry.items()
                }
            ]
        if entry in folders:
            return [{entry.capitalize(): [f"{entry}/{page}" for page in folders[entry]]}]
        return [entry]

    config.nav = [each for entry in config.nav for each in expanded(entry)]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that are written here."""
    pages = {f"api/{package}.md": _interface(package, ROOT / file) for package, file in EXPORTS.items()}
    pages |= {page: (ROOT / source).read_text() for source, page in OUTSIDE.items()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def _interface(package: str, file: Path) -> str:
    doc = (ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text())) or "").partition("\n\n")[0]
    names = "\n\n".join(f"::: {where}" for _, where in exported(file))
    return f"# {package}\n\n{doc}\n\n{names}\n"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links to pages of the site, wherever the text stands; what the site has not is named and not linked."""
    home = {page: source for source, page in OUTSIDE.items()}
    source = home.get(page.file.src_uri) or f"docs/{page.file.src_uri}"

    def rewritten(match: re.Match[str]) -> str:
        """One link."""
        picture, text, target = match.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        path, hash_mark, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if (ROOT / there).is_dir() and (ROOT / there / "README.md").exists():
            there += "/README.md"
        uri = OUTSIDE.get(there) or there.removeprefix("docs/")
        if files.get_file_from_path(uri) is None or (there not in OUTSIDE and not there.startswith("docs/")):
            return f"{text} (`{there}`)" if text.strip("`") != there else f"`{there}`"
        way = posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".")
        return f"{picture}[{text}]({way}{hash_mark}{anchor})"

    parts = re.split(r"(^```.*?^```)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(rewritten, part) for part in parts)
