"""The pages as a site: each in its navigation, built strictly, with search and interface pages, from itself alone."""

import importlib
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text()
    listed = set(re.findall(r"[\w-]+\.md", text.partition("nav:")[2]))
    assert not {path.name for path in (ROOT / "docs").glob("*.md")} - listed
    assert {"project.md", "contributing.md", "log.md"} <= listed  # of files outside docs/
    assert yaml.safe_load(text)["strict"] is True


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed (extra docs)")
def test_the_site_is_built_strictly_and_asks_nobody(tmp_path):
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    index = json.loads((tmp_path / "search" / "search_index.json").read_text())
    titles = {entry["location"] for entry in index["docs"]}
    exported = importlib.import_module("rl").__all__
    missing = [
        name for name in exported if not any(t.startswith("api/rl/#") and t.endswith(f".{name}") for t in titles)
    ]
    assert missing == ["make_algorithm"]  # stands there under the name that it has where it lives
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 80
    for page in pages:
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=[\"']?(https?:[^\"'> ]*)", page.read_text())
        assert loaded == [], page
