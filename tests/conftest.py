"""Shared test set-up: one thread per process (set before torch is imported), and nothing tries to reach a model hub."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from hypothesis import settings  # noqa: E402 - after the thread counts

# An example's time says nothing on a busy machine; deadlines of the code itself are tested where they are promised.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
