"""The table of built-in environments: name -> module that registers it. Modules load when a name is first used."""

_MODULES: dict[str, tuple[str, ...]] = {
    "envs.leaps.environment": ("leaps",),
    "envs.procedural.arithmetic": ("arithmetic_chain", "addition", "multiplication", "division", "fractions"),
    "envs.procedural.number_theory": (
        "modular_arithmetic",
        "modular_power",
        "gcd_bezout",
        "factorisation",
        "modular_inverse",
        "chinese_remainder",
    ),
    "envs.procedural.equations": ("linear_equations", "linear_systems", "quadratics", "inequalities"),
    "envs.procedural.calculus": (
        "derivatives",
        "derivatives_functions",
        "antiderivatives",
        "antiderivatives_functions",
        "definite_integrals",
        "limits",
        "sums",
    ),
    "envs.procedural.matrices": ("determinants", "matrix_products", "matrix_inverses"),
    "envs.procedural.sequences": ("sequences", "recurrences"),
    "envs.procedural.counting": ("combinatorics", "probability", "dice"),
    "envs.procedural.geometry": ("lengths", "polygon_areas", "angles"),
    "envs.procedural.countdown": ("countdown",),
    "envs.procedural.word_problems": ("word_problems",),
    "envs.procedural.units": ("unit_conversion",),
    "envs.procedural.composition": ("composition",),
    "envs.procedural.guessing": ("guess_number",),
    "envs.procedural.tool_use": ("calculator_use",),
    "envs.procedural.aime": ("aime",),
    "envs.procedural.polynomials": ("polynomial_expansion", "polynomial_factoring", "polynomial_division"),
}

_COMBINED: dict[str, tuple[str, ...]] = {"envs.mixture": ("mixture",)}

_GIVEN: dict[str, tuple[str, ...]] = {
    "envs.data.jsonl": ("jsonl", "hf"),
    "envs.data.gsm8k": ("gsm8k",),
    "envs.data.math_dataset": ("math",),
    "envs.adapters.reasoning_gym": ("rg",),
    "envs.adapters.gymnasium": ("gym",),
    "envs.adapters.openenv": ("openenv",),
}

PROCEDURAL: dict[str, str] = {name: module for module, names in _MODULES.items() for name in names}
NEEDS_COMBINED: dict[str, tuple[str, ...]] = {"envs.mixture": ("mixture",)}

NEEDS_DATA: dict[str, str] = {name: module for module, names in _GIVEN.items() for name in names}
COMBINED: dict[str, str] = {name: module for module, names in _COMBINED.items() for name in names}
BUILT_IN: dict[str, str] = {**PROCEDURAL, **COMBINED, **NEEDS_DATA}
