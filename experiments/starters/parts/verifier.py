from verifiers import Outcome, Verdict
from verifiers.extract import extract_answer


class Mine:
    """CORRECT when the announced answer is the reference, upper case or lower."""

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on `response`. It never raises for what the response says; it may for an unusable `answer`."""
        found = extract_answer(response).answer
        if not found:
            return Verdict(Outcome.NO_ANSWER, 0.0)
        is_right = found.strip().casefold() == answer.strip().casefold()
        return Verdict(Outcome.CORRECT if is_right else Outcome.WRONG, float(is_right), found)
