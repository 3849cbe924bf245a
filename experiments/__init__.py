"""Configs, launch, run folders, studies, comparison, report. Imports everything; nothing imports it."""
