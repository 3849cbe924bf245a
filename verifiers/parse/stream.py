"""A cursor over tokens with a depth guard: what every layer of the grammar stands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from verifiers.parse.lexer import Token
from verifiers.parse.limits import Limits, OverBudgetError, ParseError


class TokenStream:
    """Looks at and takes tokens; counts nesting so that no text can exhaust the interpreter's stack."""

    def __init__(self, tokens: list[Token], limits: Limits) -> None:
        self.limits = limits
        self.restart(tokens)
        self.depth = 0
        self.bars = 0  # open |...|: a further bar closes
        self.norms = 0  # open ||...||, likewise
        self.integrals = 0  # open integrals: `d x` ends the integrand
        self.heads = 0  # open set heads: `:` and `|` end the head

    def restart(self, tokens: list[Token]) -> None:
        """Begins with the first of `tokens`."""
        self.tokens = tokens
        self.seek(0)

    def seek(self, position: int) -> None:
        """Makes the token at `position` the next one."""
        self.position = position
        self.token = self.tokens[position]

    def ahead(self, distance: int = 1) -> Token:
        """The token `distance` further on; the end token past the end."""
        return self.tokens[min(self.position + distance, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The next token, consumed."""
        token = self.token
        if token.kind != "end":
            self.position += 1
            self.token = self.tokens[self.position]
        return token

    def accept(self, kind: str, value: str | None = None) -> Token | None:
        """The next token, consumed, if it is of this kind (and value); else None."""
        token = self.token
        if token.kind == kind and (value is None or token.value == value):
            return self.take()
        return None

    def expect(self, kind: str, value: str | None = None) -> Token:
        """The next token, which must be of this kind.

        Raises:
            ParseError: it is not.
        """
        token = self.accept(kind, value)
        if token is None:
            raise ParseError(f"expected {value or kind!r}, found {self.token.value or self.token.kind!r}")
        return token

    def braced(self, read: Callable[[], str]) -> str:
        """What `read` takes, with braces around it or without."""
        opened = self.accept("{")
        value = read()
        if opened:
            self.expect("}")
        return value

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper; bars, integrals and set heads outside do not reach in."""
        self.enter()
        saved = (self.bars, self.norms, self.integrals, self.heads)
        self.bars = self.norms = self.integrals = self.heads = 0
        yield
        self.bars, self.norms, self.integrals, self.heads = saved
        self.depth -= 1

    def enter(self) -> None:
        """Count one level of nesting.

        Raises:
            OverBudgetError: deeper than the limit.
        """
        self.depth += 1
        if self.depth > self.limits.depth:
            raise OverBudgetError(f"nested deeper than {self.limits.depth} levels")
