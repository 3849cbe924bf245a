"""Loads the kernels in this folder, compiled once per machine with the system's C compiler.

The shared library goes to the user's cache folder under a name that hashes sources, compiler and processor, so an edit
or another machine never meets a stale one, and its content, so one that was cut short or changed is compiled anew.
Where that folder cannot be written to, every process compiles its own.
BEYOND_KERNEL_ARCH names another instruction set than this processor's (`x86-64-v3`: AVX2, as most laptops have).
Without a compiler the engine decodes through torch, and says so once.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
FLAGS = ("-O3", "-fPIC", "-shared", "-fno-math-errno", "-fvisibility=hidden")
PAGE = 16  # positions per page; PAGE in decode.h
COMPILE_SECONDS = 120.0

logger = logging.getLogger(__name__)

_POINTER, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float


class AttentionStruct(ctypes.Structure):
    """`Attention` in decode.h."""

    _fields_ = (
        *((name, _INT) for name in ("heads", "kv_heads", "dim", "table_width")),
        *((name, _POINTER) for name in ("cosine", "sine")),
        *((name, _FLOAT) for name in ("norm_eps", "scale")),
    )


class LayerStruct(ctypes.Structure):
    """`Layer` in decode.h."""

    _fields_ = tuple(
        (name, _POINTER)
        for name in (
            *("input_norm", "qkv", "qkv_bias", "query_norm", "key_norm", "output"),
            *("mlp_norm", "gate_up", "down", "pool"),
        )
    )


class ModelStruct(ctypes.Structure):
    """`Model` in decode.h."""

    _fields_ = (
        *((name, _INT) for name in ("layers", "hidden", "mlp", "vocabulary", "half")),
        ("attention", AttentionStruct),
        *((name, _POINTER) for name in ("embedding", "norm", "head", "layer")),
    )


class TreeStruct(ctypes.Structure):
    """`Tree` in tree_attention.c."""

    _fields_ = (
        *((name, _INT) for name in ("heads", "kv_heads", "dim", "rows", "width")),
        *((name, _POINTER) for name in ("paths", "lengths", "shared")),
        ("scale", _FLOAT),
    )


class ViewStruct(ctypes.Structure):
    """`View` in tree_attention.c."""

    _fields_ = (("data", _POINTER), ("head", _INT), ("node", _INT))


# name -> (argument types, result type)
SIGNATURES: dict[str, tuple[tuple[type, ...], type | None]] = {
    "has_half_products": ((), ctypes.c_int),
    "packed_floats": ((_INT, _INT), _INT),
    "pack": ((_POINTER, _INT, _INT, _INT, _POINTER), None),
    "half_pack": ((_POINTER, _INT, _INT, _INT, _POINTER), None),
    "multiply": ((_POINTER, _POINTER, _INT, _INT, _INT, _POINTER, ctypes.c_int, ctypes.c_int, _POINTER), None),
    "scratch_floats": ((_POINTER, _INT), _INT),
    "step": (
        (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _INT, _POINTER, _INT, _POINTER, _POINTER),
        None,
    ),
    "tree_forward": ((*[_POINTER] * 6, _INT, _INT, _INT), ctypes.c_int),
    "tree_backward": ((*[_POINTER] * 10, _INT, _INT, _INT), ctypes.c_int),
    "softmax_scores": ((_POINTER, _INT, _INT, _FLOAT, *[_POINTER] * 4), None),
    "softmax_gradient": ((_POINTER, _INT, _INT, _FLOAT, *[_POINTER] * 5), None),
    "draw_tokens": ((_POINTER, _INT, _INT, _FLOAT, ctypes.c_int, *[_POINTER] * 5), None),
}


@functools.cache
def load_kernels() -> ctypes.CDLL | None:
    """The compiled kernels, or None where no working C compiler is found (logged once)."""
    compiler = _compiler()
    if compiler is None:
        logger.warning(
            "no C compiler found (tried $CC, cc, gcc, clang): sampling runs through torch, several times slower, and "
            "comes to other completions of the same seeds"
        )
        return None
    try:
        library = _load(compiler)
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or str(error)
        logger.warning("compiling the kernels failed, sampling runs through torch: %s", detail.strip()[:500])
        return None
    for name, (arguments, result) in SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library


def describe_kernels() -> dict[str, str | None]:
    """What arithmetic on this machine's processors runs through; runs with equal descriptions come to equal numbers.

    Keys: `kernels`, a digest of sources, compiler and processor, None for torch's operators; `compiler`; `arch`.
    """
    compiler = _compiler() if load_kernels() is not None else None
    if compiler is None:
        return {"kernels": None, "compiler": None, "arch": None}
    return {"kernels": _digest(compiler), "compiler": compiler, "arch": _arch()}


def _compiler() -> str | None:
    return next((path for path in map(shutil.which, (os.environ.get("CC") or "cc", "gcc", "clang")) if path), None)


def _arch() -> str:
    return os.environ.get("BEYOND_KERNEL_ARCH") or "native"


def _flags() -> tuple[str, ...]:
    return (*FLAGS, f"-march={_arch()}")


def _digest(compiler: str) -> str:
    texts = [path.read_text() for path in sorted(FOLDER.glob("*.[ch]"))]
    return hashlib.sha256("\0".join([*texts, compiler, *_flags(), _processor()]).encode()).hexdigest()[:16]


def _load(compiler: str) -> ctypes.CDLL:
    """The shared library; compiled to a temporary name and moved, so that processes may race."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "beyond-imitation"
    stem = f"kernels-{_digest(compiler)}"
    for library in sorted(folder.glob(f"{stem}-*.so")) if folder.is_absolute() else ():
        with contextlib.suppress(FileNotFoundError):  # another process took a damaged one away
            if library.name == _named(stem, library):
                return ctypes.CDLL(str(library))
            logger.warning("%s was changed after it was compiled: it is compiled anew", library)
            library.unlink()
    is_kept = _can_write(folder)
    with tempfile.TemporaryDirectory(dir=folder if is_kept else None) as scratch:
        built = Path(scratch) / "kernels.so"
        command = [compiler, *_flags(), "-o", str(built), *map(str, sorted(FOLDER.glob("*.c"))), "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMPILE_SECONDS)
        kernels = ctypes.CDLL(str(built))
        if is_kept:
            with built.open("rb") as file:
                os.fsync(file.fileno())  # else a power failure may leave the name without the content
            built.replace(folder / _named(stem, built))
    return kernels


def _named(stem: str, library: Path) -> str:
    """The name under which a library of this content is kept."""
    return f"{stem}-{hashlib.sha256(library.read_bytes()).hexdigest()[:16]}.so"


def _can_write(folder: Path) -> bool:
    """Whether files can be put into a folder, which is made if need be."""
    if not folder.is_absolute():  # "~" of a user without a home
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _processor() -> str:
    """What `-march=native` depends on: the instruction sets that the processor lists."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        kinds = ("flags", "Features", "features", "isa", "cpu\t")  # x86, Arm, IBM Z, RISC-V, Power
        return next((line for line in lines if line.startswith(kinds)), platform.machine())
    return f"{platform.machine()} {platform.processor()}"
