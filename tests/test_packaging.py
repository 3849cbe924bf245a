"""What a package index would show: links and pictures that lead somewhere."""

import configparser
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def setup_file():
    spec = importlib.util.spec_from_file_location("setup_file", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_become_absolute_pictures_as_files_and_addresses_stay(setup_file):
    text = "![a](docs/a.svg) [b](docs/b.md#c) [d](https://example.org/d) [e](#e)"
    assert setup_file.absolute(text, "https://example.org/x") == (
        "![a](https://example.org/x/raw/main/docs/a.svg) [b](https://example.org/x/blob/main/docs/b.md#c) "
        "[d](https://example.org/d) [e](#e)"
    )


def test_the_readme_of_a_published_package_has_no_relative_link(setup_file, monkeypatch):
    monkeypatch.setenv("PROJECT_URL", "https://example.org/x/")
    settings = setup_file.addresses()
    assert setup_file.RELATIVE_LINK.search((ROOT / "README.md").read_text())
    assert not setup_file.RELATIVE_LINK.search(settings["long_description"])
    assert "](https://example.org/x/raw/main/docs/images/levels.svg)" in settings["long_description"]
    for address in settings["project_urls"].values():
        page = address.removeprefix("https://example.org/x/blob/main/")
        assert page == "https://example.org/x/issues" or (ROOT / page).is_file()


def test_without_an_address_setup_cfg_says_everything(setup_file, monkeypatch):
    monkeypatch.delenv("PROJECT_URL", raising=False)
    assert setup_file.addresses() == {}


def test_the_environment_for_vllm_gets_every_dependency_that_vllm_does_not_bring():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    needed = {re.split(r"[>=<]", line)[0] for line in setup["options"]["install_requires"].split()}
    brought = {"torch", "transformers", "tokenizers", "numpy"}
    names = re.search(r"\^\(([^)]+)\)==' requirements\.lock", (ROOT / "Makefile").read_text())[1].split("|")
    assert set(names) == needed - brought
    locked = {line.split("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert set(names) <= locked
