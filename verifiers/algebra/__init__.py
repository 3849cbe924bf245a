"""Exact and high-precision evaluation, polynomials, derivatives, identities, claims of arithmetic."""
