"""The kernels under the compiler's address and undefined-behaviour sanitizers, driven by their own tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from policies.kernels import load_kernels

POLICIES = Path(__file__).parents[1]
SUITES = (
    *("kernels/test_products.py", "sampling/test_native_models.py"),
    *("scoring/test_native_attention.py", "scoring/test_head_scores.py"),
)
SANITIZED = """
import sys
from policies import kernels as native
native.FLAGS = (*native.FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
"""
RUN_TESTS = "import pytest; sys.exit(pytest.main(['-q', '-s', '-p', 'no:cacheprovider', *sys.argv[1:]]))"
OVERFLOW = "import torch; x = torch.zeros(64); native.load_kernels().pack(x.data_ptr(), 2, 32, 0, x.data_ptr())"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(load_kernels() is None or shutil.which("gcc") is None, reason="no GNU C compiler"),
]


def run(code, folder, *arguments):
    """A process whose allocations the sanitizer watches, torch's included."""
    # the C++ library too: the sanitizer steps between it and those who throw
    names = [f"-print-file-name={name}" for name in ("libasan.so", "libstdc++.so")]
    found = [subprocess.run(["gcc", name], capture_output=True, text=True, check=True).stdout.strip() for name in names]
    if not all(Path(path).is_absolute() for path in found):
        pytest.skip("gcc has no address sanitizer here")
    environment = {"LD_PRELOAD": " ".join(found), "ASAN_OPTIONS": "detect_leaks=0", "CC": "gcc"}
    return subprocess.run(
        [sys.executable, "-c", SANITIZED + code, *arguments],
        env={**os.environ, **environment, "XDG_CACHE_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_kernels_touch_no_memory_but_their_own(tmp_path):
    control = run(OVERFLOW, tmp_path)  # packed, two columns take more than 64 floats
    assert "heap-buffer-overflow" in control.stderr
    done = run(RUN_TESTS, tmp_path, *(str(POLICIES / name) for name in SUITES))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
