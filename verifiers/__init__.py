"""Response text + reference answer -> Verdict. No torch, no ray: light worker processes load this package."""

from verifiers.interface import verify, verify_batch
from verifiers.registry import list_verifiers, make
from verifiers.types import Outcome, Reason, Verdict, Verifier

__all__ = ["Outcome", "Reason", "Verdict", "Verifier", "list_verifiers", "make", "verify", "verify_batch"]
