"""Loads the decode-step kernels of `kernels.c`, compiled once per machine with the system's C compiler.

The shared library goes to the user's cache folder under a name that hashes source, compiler and processor, so an edit
or another machine never meets a stale one. Without a compiler the engine decodes through torch, and says so once.
"""

from __future__ import annotations

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

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-O3", "-march=native", "-fPIC", "-shared", "-fno-math-errno")
PAGE = 16  # positions per page; PAGE in kernels.c
COMPILE_SECONDS = 60.0

logger = logging.getLogger(__name__)

_POINTER, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float


class AttentionShape(ctypes.Structure):
    """`Attention` in kernels.c."""

    _fields_ = (
        ("heads", _INT),
        ("kv_heads", _INT),
        ("dim", _INT),
        ("table_width", _INT),
        ("cosine", _POINTER),
        ("sine", _POINTER),
        ("query_norm", _POINTER),
        ("key_norm", _POINTER),
        ("norm_eps", _FLOAT),
        ("scale", _FLOAT),
    )


SIGNATURES = {
    "rms_norm": (_POINTER, _POINTER, _POINTER, _INT, _INT, _FLOAT),
    "silu_mul": (_POINTER, _POINTER, _INT, _INT),
    "attend": (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _INT, _POINTER, _POINTER),
    "draw_tokens": (_POINTER, _INT, _INT, _FLOAT, ctypes.c_int, _POINTER, _POINTER, _POINTER, _POINTER, _POINTER),
}


@functools.cache
def load_kernels() -> ctypes.CDLL | None:
    """The compiled kernels, or None where no working C compiler is found (logged once)."""
    compiler = next((path for path in map(shutil.which, (os.environ.get("CC") or "cc", "gcc", "clang")) if path), None)
    if compiler is None:
        logger.warning(
            "no C compiler found (tried $CC, cc, gcc, clang): sampling runs through torch, several times slower"
        )
        return None
    try:
        library = ctypes.CDLL(str(_compiled(compiler)))
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or str(error)
        logger.warning("compiling %s failed, sampling runs through torch: %s", SOURCE.name, detail.strip()[:500])
        return None
    for name, arguments in SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, None
    return library


def _compiled(compiler: str) -> Path:
    """Path of the shared library; compiled to a temporary name and moved, so that processes may race."""
    digest = hashlib.sha256("\0".join([SOURCE.read_text(), compiler, *FLAGS, _processor()]).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beyond-imitation"
    library = folder / f"kernels-{digest}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        built = Path(scratch) / library.name
        command = [compiler, *FLAGS, "-o", str(built), str(SOURCE), "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMPILE_SECONDS)
        built.replace(library)
    return library


def _processor() -> str:
    """What `-march=native` depends on: the instruction sets that the processor lists."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
    return f"{platform.machine()} {platform.processor()}"
