"""What the stages of one seed share, made once a seed by `study.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from envs.environment import Environment
from experiments.config.sections import Shared
from experiments.run.display import Display
from experiments.stages.evaluation import Evaluator
from experiments.stages.preferences import Preferences
from experiments.stages.seed_folders import SeedFolders
from experiments.stages.serving import PolicyServer


@dataclass(frozen=True)
class Services:
    """Workers, environment and models of a seed, and what is measured and labelled with them.

    Attributes:
        shared: the config, its arms apart.
        folders: where earlier stages and other arms wrote.
        server: loads policies, and has workers serve them.
        evaluator: has policies answer the frozen problems.
        preferences: of each arm that reads labels, its pairs and reward model; arms with equal settings share them.
    """

    shared: Shared
    seed: int
    env: Environment
    folders: SeedFolders
    server: PolicyServer
    evaluator: Evaluator
    preferences: Mapping[str, Preferences]
    display: Display
