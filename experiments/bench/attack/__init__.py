"""The mutation search of the verifier bench: wrong neighbours and right rewritings of references."""
