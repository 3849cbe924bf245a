"""Response text + reference answer -> Verdict. No torch, no ray: light worker processes load this package."""

from verifiers.types import Outcome, Reason, Verdict, Verifier

__all__ = ["Outcome", "Reason", "Verdict", "Verifier"]
