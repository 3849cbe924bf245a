"""The two calls of a script: one pair here, many pairs in processes."""

from __future__ import annotations

import pytest

import verifiers
from verifiers import Outcome


def test_one_pair_with_settings_of_the_verifier() -> None:
    assert verifiers.verify(r"\boxed{\frac12}", "0.5").is_correct
    assert not verifiers.verify(r"\boxed{0.33}", r"\frac13").is_correct
    assert verifiers.verify(r"\boxed{0.33}", r"\frac13", tolerance=0.01).is_correct
    assert verifiers.verify("#### 12", "12", "numeric", places=("hashes",)).is_correct
    with pytest.raises(ValueError, match="unknown verifier"):
        verifiers.verify("1", "1", "nope")
    with pytest.raises(ValueError, match="reference"):
        verifiers.verify("1", "")


def test_a_batch_keeps_its_order_and_counts_a_bad_reference_apart() -> None:
    verdicts = verifiers.verify_batch([(r"\boxed{1}", "1"), (r"\boxed{2}", "1"), (r"\boxed{1}", "")])
    assert [verdict.outcome for verdict in verdicts] == [Outcome.CORRECT, Outcome.WRONG, Outcome.ERROR]
    with pytest.raises(ValueError, match="its settings"):
        verifiers.verify_batch([], "symbolic", nonsense=1)
