from dataclasses import dataclass

from rl.preference.labels.features import SolutionFeatures
from rl.preference.labels.judge import Judge


@dataclass(frozen=True)
class Mine(Judge):
    """Likes solutions that repeat the numbers of the question, and short ones."""

    per_word: float = 0.02

    def score(self, features: SolutionFeatures) -> float:
        """How good the solution looks; ask a model here with `features.prompt` and `features.response`."""
        numbers = {word.strip(".,?") for word in features.prompt.split() if word.strip(".,?").isdecimal()}
        repeated = sum(number in features.response for number in numbers)
        return repeated - self.per_word * len(features.response.split())
