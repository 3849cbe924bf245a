"""Shared test set-up: one thread per process (set before torch is imported), no model hub, the same draws each time."""

import os
import random
import sys

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest  # noqa: E402 - after the thread counts
from hypothesis import settings  # noqa: E402

# An example's time says nothing on a busy machine; deadlines of the code itself are tested where they are promised.
# With CI set (.ci/run does), examples are the same in every run; elsewhere each run looks at new ones.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("project")


@pytest.fixture(autouse=True)
def global_seeds():
    """A test that draws from the global generators draws the same, whichever tests ran before it in its process."""
    random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
