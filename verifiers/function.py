"""A plain function (response, answer) as a verifier: the commonest form in which people have one."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any

from verifiers.types import Outcome, Verdict


class FunctionVerifier:
    """CORRECT where the function says True or 1, WRONG where it says False or 0; a Verdict is taken as it is.

    Args:
        function: called with the response, the reference and the settings.
        name: that the config calls it.
    """

    def __init__(self, function: Callable[..., Any], name: str, settings: Mapping[str, Any]) -> None:
        self.function, self.name, self.settings = function, name, settings
        try:
            inspect.signature(function).bind("", "", **settings)
        except TypeError as error:
            raise ValueError(f"verifier {name!r} does not take {dict(settings)}: {error}") from error

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on `response`.

        Raises:
            TypeError: the function gave something else than a truth value or a Verdict.
        """
        found = self.function(response, answer, **self.settings)
        if isinstance(found, Verdict):
            return found
        item = getattr(found, "item", None)  # of numpy and torch
        value = item() if callable(item) else found
        if not isinstance(value, numbers.Real) or value not in (0, 1):
            raise TypeError(
                f"verifier {self.name!r} gave {found!r:.60}, expected True or False (or 1 or 0), or a Verdict; partial "
                "credit goes into Verdict.parts"
            )
        return Verdict(Outcome.CORRECT if value else Outcome.WRONG, float(value))


def is_function_of_a_pair(found: Any, settings: Mapping[str, Any]) -> bool:
    """Whether it is a function that needs two arguments beside the settings: a judge, and none that makes one."""
    if not inspect.isroutine(found):
        return False
    parameters = inspect.signature(found).parameters.values()
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in by_place if p.default is p.empty and p.name not in settings]
    return len(needed) == 2
