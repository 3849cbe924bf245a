from pathlib import Path

from policies.sampling.engine import SamplingEngine
from policies.tiny import TinyConfig, build_tiny
from policies.types import Request, Sampling
from rl.workers.engine import find_backend

MINE = f"{Path(__file__).parent / 'mine.py'}:mine"


def test_its_greedy_tokens_are_those_of_the_built_in_engine() -> None:
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=32), vocabulary=None, seed=0)
    requests, greedy = [Request(policy.encode("1+2="), (0,))], Sampling(max_new_tokens=8, temperature=0.0)
    found = [
        SamplingEngine(policy, backend=backend).generate(requests, greedy, seed=0)[0][0].tokens
        for backend in ("engine", find_backend(MINE))
    ]
    assert found[0] == found[1]
