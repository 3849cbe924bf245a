"""Problems cut into shards, and the uid that names each rollout.

A uid is a pure function of the rollout's position in the run, and keys its randomness. Nothing here depends on the
number of workers, on which of them runs a shard, or on how often it is tried.
"""

from __future__ import annotations

from collections.abc import Sequence

from envs.types import Problem
from policies.types import Sampling
from rl.workers.types import Shard

SAMPLE_BITS = 14
POSITION_BITS = 20
STEP_BITS = 29  # 63 in all: a uid is a non-negative int64
EVALUATION_STEP = 1 << (STEP_BITS - 1)  # steps from here on belong to evaluation: its uids are never those of training
SHARD_PROBLEMS = 8  # default size of a shard


def rollout_uid(step: int, position: int, sample: int) -> int:
    """The uid of completion `sample` of problem `position` of `step`: (step << 34) | (position << 14) | sample.

    Raises:
        ValueError: an index does not fit its field.
    """
    for name, value, bits in (("step", step, STEP_BITS), ("position", position, POSITION_BITS)):
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name} is {value}, expected 0 to {(1 << bits) - 1}")
    if not 0 <= sample < 1 << SAMPLE_BITS:
        raise ValueError(f"sample is {sample}, expected 0 to {(1 << SAMPLE_BITS) - 1}")
    return (step << (POSITION_BITS + SAMPLE_BITS)) | (position << SAMPLE_BITS) | sample


def step_of(uid: int) -> int:
    """The step of a rollout, or of a shard: a shard's id is its first uid."""
    return uid >> (POSITION_BITS + SAMPLE_BITS)


def make_shards(
    problems: Sequence[Problem],
    *,
    group_size: int | Sequence[int],
    step: int,
    shard_size: int = SHARD_PROBLEMS,
    sampling: Sampling,
    version: int | None = None,
    first_position: int = 0,
    first_sample: int = 0,
) -> list[Shard]:
    """The problems of a step cut into shards of `shard_size` problems, in order.

    Args:
        group_size: G, completions per problem; or of each problem its own number.
        version: see `Shard`.
        first_position: position of the first problem in its step, when a step asks for problems in several rounds.
        first_sample: sample index of the first completion of each problem.
    Raises:
        ValueError: a size below 1, or an index outside the uid's fields.
    """
    sizes = [group_size] * len(problems) if isinstance(group_size, int) else list(group_size)
    if len(sizes) != len(problems):
        raise ValueError(f"group_size has {len(sizes)} numbers for {len(problems)} problems, expected one for each")
    if min(sizes, default=1) < 1 or shard_size < 1:
        raise ValueError(f"group_size is {group_size} and shard_size {shard_size}, expected at least 1 each")
    shards = []
    for start in range(0, len(problems), shard_size):
        part = tuple(problems[start : start + shard_size])
        uids = tuple(
            tuple(rollout_uid(step, first_position + start + i, first_sample + j) for j in range(sizes[start + i]))
            for i in range(len(part))
        )
        shards.append(Shard(id=uids[0][0], step=step, problems=part, uids=uids, sampling=sampling, version=version))
    return shards
