"""OpenEnv environments as other people write them, good and bad, for the tests of the adapter."""

import itertools
import random

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State


class Guess(Action):
    number: int


class Reply(Observation):
    text: str = ""


class Game(Environment):
    """Higher or lower, from 0 to 15; the secret is hidden and depends on the seed."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    opened = closed = 0

    def __init__(self, largest: int = 15):
        super().__init__()
        self.largest = largest
        type(self).opened += 1

    def reset(self, seed=None, episode_id=None, **kwargs):
        self.secret = random.Random(seed).randint(0, self.largest)
        return Reply(text=f"0 to {self.largest}")

    def step(self, action: Guess, timeout_s=None, **kwargs):
        if action.number == 13:
            raise RuntimeError("the server is superstitious")
        if action.number == self.secret:
            return Reply(text="hit", reward=1.0, done=True)
        return Reply(text="higher" if self.secret > action.number else "lower")

    @property
    def state(self):
        return State()

    def close(self):
        type(self).closed += 1


class SumAction(Action):
    text: str


class Sums(Game):
    """States its problem at reset: a small space that seeds alone would leak."""

    def reset(self, seed=None, episode_id=None, **kwargs):
        rng = random.Random(seed)
        self.a, self.b = rng.randint(1, 30), rng.randint(1, 30)
        return Reply(text=f"{self.a} + {self.b}")

    def step(self, action: SumAction, timeout_s=None, **kwargs):
        return Reply(text="over", reward=float(action.text == str(self.a + self.b)), done=True)


class Forgetful(Sums):
    """Accepts a seed and ignores it."""

    count = itertools.count()

    def reset(self, seed=None, episode_id=None, **kwargs):
        return super().reset(seed=next(self.count))


class ForgetfulInSecret(Game):
    """Says the same at reset, but hides another number each time."""

    count = itertools.count()

    def reset(self, seed=None, episode_id=None, **kwargs):
        return super().reset(seed=next(self.count))


class TwoFields(Action):
    row: int
    column: int


class Board(Game):
    """An action of two fields, an observation of several."""

    def step(self, action: TwoFields, timeout_s=None, **kwargs):
        return Reply(text=f"{action.row},{action.column}", reward=0.5, done=action.row == action.column)


class Waiting(Game):
    """An asynchronous environment."""

    async def step_async(self, action: Guess, timeout_s=None, **kwargs):
        return self.step(action)


class Unannotated(Game):
    def step(self, action, timeout_s=None, **kwargs):
        return Reply()
