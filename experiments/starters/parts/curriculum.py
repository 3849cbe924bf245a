from collections.abc import Sequence

from rl.curriculum import Curriculum
from rl.types import Group


class Mine(Curriculum):
    """Begins with the lowest level, and asks the next one, too, whenever most of the last step's answers are right."""

    def __init__(self, env, *, enough=0.5, **settings):  # type: ignore[no-untyped-def]
        super().__init__(env, **settings)
        self.enough, self.top = enough, min(self.levels)

    def weights(self):  # type: ignore[no-untyped-def]
        """Probability of each stream of problems (a level, or a level of one part of a mixture)."""
        weights = {stream: share for stream, share in super().weights().items() if stream.level <= self.top}
        return {stream: share / sum(weights.values()) for stream, share in weights.items()}

    def observe(self, groups: Sequence[Group]) -> None:
        """Sees the graded groups of every step."""
        super().observe(groups)
        rows = [self.success(row) for group in groups for row in group.trajectories]
        if rows and sum(rows) / len(rows) > self.enough:
            self.top = min((level for level in self.levels if level > self.top), default=self.top)

    def state_dict(self):  # type: ignore[no-untyped-def]
        """Everything that it goes on from after a resume, as JSON values."""
        return {**super().state_dict(), "top": self.top}

    def load_state_dict(self, state):  # type: ignore[no-untyped-def]
        """Goes back to where `state_dict` was taken."""
        super().load_state_dict(state)
        self.top = state["top"]
