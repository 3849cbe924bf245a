"""Any antiderivative of the reference: the answer is differentiated and compared, so its constant does not matter."""

from __future__ import annotations

from dataclasses import dataclass

from verifiers.algebra.derivative import NotDifferentiableError, derivative
from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.identity import agree, has_long_decimals
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.judges.frame import ExpressionVerifier
from verifiers.parse import Expr, ParseError, free_symbols, marks, parse
from verifiers.parse.tree import Bound, Sym, is_equation
from verifiers.types import Reason


@dataclass(kw_only=True, eq=False)
class AntiderivativeVerifier(ExpressionVerifier):
    """CORRECT when d/dx of the answer is the reference (the integrand) wherever both are real.

    The reference may be written as the integrand or as `\\int ... dx`. The answer may carry `+ C` and may be written
    `F(x) = ...`; an integral handed back is WRONG with Reason.UNEVALUATED.

    Attributes:
        variable: the variable of integration.
        require_constant: the answer must carry a constant of integration.
        mode, places, strict: as in AnswerVerifier.
    """

    variable: str = "x"
    require_constant: bool = False

    def read_reference(self, answer: str) -> Expr:
        """The integrand, from the integral that asks for it or by itself."""
        try:
            integrand = parse(answer)
            if isinstance(integrand, Bound) and integrand.kind == "int" and integrand.low is None:
                integrand = integrand.body
            agree(integrand, integrand)  # it has values
            if has_long_decimals(integrand):
                raise ParseError("a decimal this long is no exact value")
        except (ParseError, InexactError, UndefinedError) as error:
            raise ValueError(f"the reference {answer!r:.200} is no integrand: {error}") from error
        return integrand

    def judge(self, expr: Expr, reference: Expr) -> Equivalence:
        """Whether the derivative of the expression is the integrand."""
        if is_equation(expr):
            expr = expr.sides[1]
        if "Bound" in marks(expr):
            return no("an integral is handed back", Reason.UNEVALUATED)
        if has_long_decimals(expr):
            return no("a decimal this long is no exact value", Reason.FORMAT)
        try:
            slope = derivative(expr, self.variable)
            is_right = agree(slope, reference)
        except (NotDifferentiableError, InexactError) as error:
            return no(f"it cannot be differentiated: {error}")
        except UndefinedError as error:
            return no(f"its derivative is not the integrand: {error}")
        if not is_right:
            return no("its derivative is not the integrand")
        others = free_symbols(expr) - free_symbols(reference) - {self.variable}
        # a constant of integration is in the answer only, and it depends on it with slope 1
        if self.require_constant and all(derivative(expr, name) != derivative(Sym(name), name) for name in others):
            return no("the constant of integration is missing", Reason.FORMAT)
        return yes("its derivative is the integrand", "exact")
