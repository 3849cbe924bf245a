"""An example plug-in: one environment, found by its entry point."""
