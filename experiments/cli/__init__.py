"""The command line's verbs, in groups. Only light modules are imported at the top: `--help` answers at once."""
