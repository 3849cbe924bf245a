"""The vocabulary of the grammar: which commands and words mean what. Data, and look-ups into it."""

from __future__ import annotations

from verifiers.text import units

RELATIONS = {
    "=": "=", "==": "=", ":=": "=", "<": "<", ">": ">", "<=": "<=", "=<": "<=", ">=": ">=", "!=": "!=", "<>": "!=",
    "=>": "implies", "<=>": "iff", "->": "to",
}  # fmt: skip
CURRENCY_SIGNS = {
    "€": "euro",
    "£": "pound_sterling",
    "¥": "yen",
    "$": "dollar",
    "₹": "rupee",
    "￥": "yuan",
    "¢": "cent",
}
ALPHABET = "abcdefghijklmnopqrstuvwxyz"

# spelling -> canonical function name
FUNCTIONS = {name: name for name in (
    "sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "sech", "csch", "arcsin", "arccos",
    "arctan", "arccot", "arcsec", "arccsc", "arcsinh", "arccosh", "arctanh", "ln", "log", "lg", "exp", "sqrt", "abs",
    "floor", "ceil", "gcd", "lcm", "min", "max", "det", "sgn", "arg", "gamma",
    "cis", "cbrt", "binomial", "factorial", "root",
    "span", "diag", "frac", "sup", "inf", "dim", "ker", "deg",
)} | {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "acot": "arccot", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "arsinh": "arcsinh", "arcosh": "arccosh", "artanh": "arctanh", "arcsinh": "arcsinh",
    "cosec": "csc", "ctg": "cot", "tg": "tan", "arctg": "arctan", "sh": "sinh", "ch": "cosh", "th": "tanh",
    "sign": "sgn", "ceiling": "ceil", "binom": "binomial", "nCr": "binomial", "C": "binomial", "Re": "re", "Im": "im",
    "Gamma": "gamma", "hcf": "gcd", "gcf": "gcd",
}  # fmt: skip
_NOT_PLAIN = frozenset(
    ("C", "frac", "inf", "deg", "sup", "dim", "ker", "Re", "Im", "gamma", "Gamma", "sh", "ch", "th", "arg")
)
_NOT_COMMAND = frozenset(("C", "inf", "deg", "gamma", "Gamma", "frac", "sqrt", "root", "th", "sh", "ch", "sup"))
GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
     "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi",
     "Sigma", "Upsilon", "Phi", "Psi", "Omega", "ell", "hbar", "aleph")
)  # fmt: skip
_VARIANTS = {
    "varepsilon": "epsilon",
    "vartheta": "theta",
    "varphi": "phi",
    "varrho": "rho",
    "varsigma": "sigma",
    "varpi": "pi",
}
_COMMANDS: dict[str, tuple[str, str]] = {
    "frac": ("frac", "frac"), "dfrac": ("frac", "frac"), "tfrac": ("frac", "frac"), "cfrac": ("frac", "frac"),
    "sqrt": ("sqrt", "sqrt"), "cbrt": ("func", "cbrt"), "surd": ("sqrt", "sqrt"),
    "binom": ("binom", "binom"), "dbinom": ("binom", "binom"), "tbinom": ("binom", "binom"), "choose": ("choose",
    "choose"),
    "pi": ("const", "pi"), "infty": ("const", "inf"), "emptyset": ("const", "empty"), "varnothing": ("const", "empty"),
    "times": ("*", "*"), "cdot": ("*", "*"), "ast": ("*", "*"), "cdotp": ("*", "*"), "bullet": ("*", "*"),
    "star": ("*", "*"),
    "div": ("/", "/"), "slash": ("/", "/"), "over": ("over", "over"), "pm": ("pm", "pm"), "mp": ("mp", "mp"),
    "le": ("rel", "<="), "leq": ("rel", "<="), "leqslant": ("rel", "<="), "leqq": ("rel", "<="),
    "ge": ("rel", ">="), "geq": ("rel", ">="), "geqslant": ("rel", ">="), "geqq": ("rel", ">="),
    "ngeq": ("rel", "<"), "nless": ("rel", ">="), "nleq": ("rel", ">"), "ngtr": ("rel", "<="),
    "lt": ("rel", "<"), "gt": ("rel", ">"), "ne": ("rel", "!="), "neq": ("rel", "!="),
    "approx": ("rel", "approx"), "simeq": ("rel", "approx"), "doteq": ("rel", "approx"), "approxeq": ("rel", "approx"),
    "equiv": ("rel", "equiv"), "cong": ("rel", "cong"), "sim": ("rel", "sim"), "propto": ("rel", "sim"),
    "in": ("rel", "in"), "notin": ("rel", "notin"), "ni": ("rel", "ni"), "subset": ("rel", "subset"),
    "subseteq": ("rel", "subset"), "supset": ("rel", "supset"), "supseteq": ("rel", "supset"),
    "implies": ("rel", "implies"), "Rightarrow": ("rel", "implies"), "Longrightarrow": ("rel", "implies"),
    "iff": ("rel", "iff"), "Leftrightarrow": ("rel", "iff"), "Longleftrightarrow": ("rel", "iff"),
    "to": ("rel", "to"), "rightarrow": ("rel", "to"), "longrightarrow": ("rel", "to"), "mapsto": ("rel", "to"),
    "perp": ("rel", "perp"), "parallel": ("rel", "parallel"), "colon": (":", ":"),
    "cup": ("setop", "union"), "bigcup": ("setop", "union"), "cupdot": ("setop", "union"), "sqcup": ("setop", "union"),
    "cap": ("setop", "intersection"), "bigcap": ("setop", "intersection"),
    "setminus": ("setop", "minus"), "backslash": ("setop", "minus"), "smallsetminus": ("setop", "minus"),
    "lfloor": ("open", "floor"), "rfloor": ("close", "floor"), "lceil": ("open", "ceil"), "rceil": ("close", "ceil"),
    "langle": ("open", "angle"), "rangle": ("close", "angle"), "lbrace": ("open", "set"), "rbrace": ("close", "set"),
    "{": ("open", "set"), "}": ("close", "set"), "lbrack": ("[", "["), "rbrack": ("]", "]"),
    "lvert": ("|", "|"), "rvert": ("|", "|"), "vert": ("|", "|"), "mid": ("|", "|"), "lVert": ("||", "||"),
    "rVert": ("||", "||"), "Vert": ("||", "||"), "begin": ("begin", "begin"), "end": ("endenv", "end"), "\\": ("row",
    "row"),
    "sum": ("big", "sum"), "prod": ("big", "prod"), "int": ("int", "int"), "iint": ("int", "iint"), "lim": ("lim",
    "lim"),
    "partial": ("partial", "partial"), "mathbb": ("bb", "bb"), "Bbb": ("bb", "bb"), "R": ("const", "R"),
    "Z": ("const", "Z"),
    "N": ("const", "N"), "Q": ("const", "Q"), "C": ("const", "C"), "reals": ("const", "R"),
    "circ": ("degree", "degree"), "degree": ("degree", "degree"), "prime": ("'", "'"),
    "overline": ("overline", "overline"), "bar": ("overline", "overline"), "|": ("||", "||"),
    "dot": ("overline", "dot"), "overarc": ("overline", "overline"),
    "ldots": ("dots", "dots"), "dots": ("dots", "dots"), "cdots": ("dots", "dots"), "dotsc": ("dots", "dots"),
    "dotsb": ("dots", "dots"), "vdots": ("dots", "dots"), "ddots": ("dots", "dots"), "dotso": ("dots", "dots"),
    "land": ("and", "and"), "wedge": ("and", "and"), "lor": ("or", "or"), "vee": ("or", "or"), "neg": ("not", "not"),
    "lnot": ("not", "not"), "not": ("not", "not"), "forall": ("forall", "forall"), "exists": ("exists", "exists"),
    "angle": ("shape", "angle"), "triangle": ("shape", "triangle"), "measuredangle": ("shape", "angle"),
    "odot": ("shape", "circle"),
    "mod": ("mod", "mod"), "bmod": ("mod", "mod"), "pmod": ("pmod", "pmod"), "%": ("percent", "%"),
    "permil": ("percent", "permil"),
    "$": ("currency", "dollar"), "pounds": ("currency", "pound_sterling"), "euro": ("currency", "euro"),
    "yen": ("currency", "yen"),
    "therefore": ("skip", ""), "because": ("skip", ""), "blacksquare": ("skip", ""), "square": ("skip", ""),
    "_": ("_", "_"), "#": ("skip",
    ""), "&": ("&", "&"),
    "imath": ("sym", "i"), "jmath": ("sym", "j"), "top": ("sym", "top"), "intercal": ("sym", "top"),
    "AA": ("unit", "angstrom"),
    "And": ("and", "and"), "nabla": ("sym", "nabla"), "Re": ("func", "re"), "Im": ("func", "im"), "infin": ("const",
    "inf"),
    "complement": ("^c", "^c"), "nicefrac": ("frac", "frac"), "sfrac": ("frac", "frac"),
    "cr": ("row", "row"), "newline": ("row", "row"), "nmid": ("rel", "notdivides"), "divides": ("rel", "divides"),
}  # fmt: skip
_COMMANDS |= {
    name: ("func", canonical)
    for name, canonical in FUNCTIONS.items()
    if name not in _NOT_COMMAND and name not in _COMMANDS
}
_COMMANDS |= {name: ("sym", name) for name in GREEK if name not in _COMMANDS}
_COMMANDS |= {name: ("const", "pi") if target == "pi" else ("sym", target) for name, target in _VARIANTS.items()}

_WORDS: dict[str, tuple[str, str]] = {
    "and": ("and", "and"), "or": ("or", "or"), "pi": ("const", "pi"), "infinity": ("const", "inf"), "oo": ("const",
    "inf"),
    "infty": ("const", "inf"), "inf": ("const", "inf"), "percent": ("percent", "%"), "pct": ("percent", "%"),
    "percentage": ("percent", "%"), "degrees": ("degree", "degree"), "degree": ("degree", "degree"),
    "deg": ("degree", "degree"),
    "mod": ("mod", "mod"), "modulo": ("mod", "mod"), "union": ("setop", "union"), "cup": ("unit", "cup"),
    "intersect": ("setop", "intersection"), "choose": ("choose", "choose"), "thousand": ("scale", "1000"),
    "million": ("scale", "1000000"), "billion": ("scale", "1000000000"), "trillion": ("scale", "1000000000000"),
    "hundred": ("scale", "100"), "dozen": ("scale", "12"), "only": ("skip", ""),
    "for": ("where", "for"), "where": ("where", "where"), "with": ("where", "with"), "if": ("where", "if"),
    "when": ("where", "when"),
    "not": ("not", "not"), "in": ("in", "in"), "approximately": ("skip", ""), "about": ("skip", ""),
    "either": ("skip", ""),
    "exactly": ("skip", ""), "otherwise": ("where", "otherwise"), "to": ("rel", "to"), "than": ("word", "than"),
    "dots": ("dots", "dots"), "ldots": ("dots", "dots"), "emptyset": ("const", "empty"), "therefore": ("skip", ""),
    "hence": ("skip", ""),
    "sqrt": ("sqrt", "sqrt"), "min": ("func", "min"), "max": ("func", "max"), "equals": ("rel", "="),
}  # fmt: skip
_WORDS |= {
    name: ("func", canonical) for name, canonical in FUNCTIONS.items() if name not in _NOT_PLAIN and name not in _WORDS
}
_WORDS |= {
    name: ("sym", name) for name in GREEK if name not in ("ell", "hbar", "aleph", "nu", "mu", "xi", "eta", "Pi", "Xi")
}
SHORT_WORDS = frozenset(
    ("yes", "no", "odd", "all", "one", "two", "six", "ten", "not", "the", "any", "for", "is", "it", "of", "on",
    "are", "but",
     "can", "few", "tie", "mon", "tue", "wed", "thu", "fri", "sat", "jan", "feb", "mar",
     "apr",
     "jun", "jul", "aug", "sep", "oct", "nov", "dec", "am", "pm", "he", "we", "my", "day", "who", "his",
     "her", "its", "was", "has", "had", "nth", "th", "st", "nd", "rd", "as", "at", "by", "an", "be", "if", "then",
     "than",
     "non", "max", "may", "maybe", "none", "null", "nan", "so", "do", "did", "up",
     "add",
     "sum", "top", "low", "new", "old", "out", "off", "use", "see", "set", "let", "say", "via", "per",
     "net")
)  # fmt: skip
ORDINALS = frozenset(("th", "st", "nd", "rd"))

# Words that change the number before them or deny it: "5 is wrong", "5 or maybe 6", "5 less", "5 squared".
NOT_A_UNIT = frozenset(
    ("is", "are", "was", "not", "no", "wrong", "false", "maybe", "perhaps", "or", "either", "but", "it", "if",
    "unless", "minus",
     "plus", "times", "divided", "less", "more", "than", "squared", "cubed", "factorial", "half", "halves", "third",
     "thirds",
     "quarter", "quarters", "fifth", "tenth", "tenths", "hundredth", "hundredths", "thousandth", "thousandths",
     "twice", "double",
     "triple", "score", "dozens", "hundreds", "thousands", "millions", "billions", "gross", "pairs", "over", "under",
     "least",
     "most", "between", "from", "except", "incorrect", "right", "true", "instead", "actually", "wait", "likely",
     "probably",
     "possibly", "and", "then", "to", "negative", "base", "zero", "one", "two", "three", "four", "five", "six",
     "seven", "eight",
     "nine", "ten", "eleven", "twelve", "twenty", "thirty", "forty", "fifty", "hundred", "thousand", "million",
     "billion",
     "percent", "choose", "mod", "undefined", "never", "neither", "nor", "without", "off", "up", "down", "error",
     "root", "power",
     "powers", "lakh", "crore", "nil", "null", "none", "any", "all", "other", "others", "rejected", "impossible",
     "cannot", "at", "minimum", "maximum", "below", "above")
)  # fmt: skip


def command(name: str) -> tuple[str | None, str]:
    """(token kind, canonical value) of a LaTeX command without its backslash; (None, "") if unknown."""
    return _COMMANDS.get(name, (None, ""))


def word(run: str) -> tuple[str | None, str]:
    """(token kind, canonical value) of a run of letters; (None, "") if it is no word of the vocabulary."""
    found = _WORDS.get(run) or (_WORDS.get(run.lower()) if len(run) > 1 else None)
    if found:
        return found
    if len(run) > 1 and units.is_unit(run):
        return "unit", units.canonical(run)
    return None, ""


def is_short(run: str) -> bool:
    """Whether a run of two or three small letters is a word or a unit, where it could be a product of symbols."""
    return (
        2 <= len(run) <= 3 and run.islower() and (run in SHORT_WORDS or units.names_unit(run)) and run not in FUNCTIONS
    )


def ends_in_function(run: str) -> bool:
    """Whether the run is letters glued to a function or constant, such as `xsin` or `npi`."""
    return any(
        len(run) - len(name) in (1, 2) and run.endswith(name)
        for name in ("sin", "cos", "tan", "ln", "log", "sqrt", "pi")
    )


def split_letters(run: str) -> list[tuple[str, str]]:
    """Tokens of a run of letters read as a product: xsin -> x, sin; npi -> n, pi; abc -> a, b, c."""
    for name in ("sin", "cos", "tan", "sqrt", "log", "ln", "pi"):
        if run.endswith(name) and 0 < len(run) - len(name) <= 2:
            kind, canonical = _WORDS[name]
            return [("sym", letter) for letter in run[: -len(name)]] + [(kind, canonical)]
    return [("sym", letter) for letter in run]
