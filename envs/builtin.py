"""The table of built-in environments: name -> module that registers it. Modules load when a name is first used."""

_MODULES: dict[str, tuple[str, ...]] = {
    "envs.leaps.environment": ("leaps",),
    "envs.arithmetic": ("arithmetic_chain", "addition", "multiplication", "division", "fractions"),
    "envs.number_theory": (
        "modular_arithmetic",
        "modular_power",
        "gcd_bezout",
        "factorisation",
        "modular_inverse",
        "chinese_remainder",
    ),
    "envs.equations": ("linear_equations", "linear_systems", "quadratics", "inequalities"),
    "envs.calculus": (
        "derivatives",
        "derivatives_functions",
        "antiderivatives",
        "antiderivatives_functions",
        "definite_integrals",
        "limits",
        "sums",
    ),
    "envs.matrices": ("determinants", "matrix_products", "matrix_inverses"),
    "envs.sequences": ("sequences", "recurrences"),
    "envs.counting": ("combinatorics", "probability", "dice"),
    "envs.geometry": ("lengths", "polygon_areas", "angles"),
    "envs.countdown": ("countdown",),
    "envs.word_problems": ("word_problems",),
    "envs.units": ("unit_conversion",),
    "envs.composition": ("composition",),
    "envs.guessing": ("guess_number",),
    "envs.tool_use": ("calculator_use",),
    "envs.aime": ("aime",),
    "envs.polynomials": ("polynomial_expansion", "polynomial_factoring", "polynomial_division"),
}

_COMBINED: dict[str, tuple[str, ...]] = {"envs.mixture": ("mixture",)}

_GIVEN: dict[str, tuple[str, ...]] = {
    "envs.jsonl": ("jsonl", "hf"),
    "envs.gsm8k": ("gsm8k",),
    "envs.math_dataset": ("math",),
    "envs.adapters.reasoning_gym": ("rg",),
    "envs.adapters.gymnasium": ("gym",),
    "envs.adapters.openenv": ("openenv",),
}

PROCEDURAL: dict[str, str] = {name: module for module, names in _MODULES.items() for name in names}
NEEDS_COMBINED: dict[str, tuple[str, ...]] = {"envs.mixture": ("mixture",)}

NEEDS_DATA: dict[str, str] = {name: module for module, names in _GIVEN.items() for name in names}
COMBINED: dict[str, str] = {name: module for module, names in _COMBINED.items() for name in names}
BUILT_IN: dict[str, str] = {**PROCEDURAL, **COMBINED, **NEEDS_DATA}
