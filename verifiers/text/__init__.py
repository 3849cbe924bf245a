"""Text as it is written: one spelling for every sign, numbers, units, dates. It knows nothing of expressions."""


def listed(words: str) -> frozenset[str]:
    """The words of a text, which spaces set apart."""
    return frozenset(words.split())
