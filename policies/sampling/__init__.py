"""Prompts to completions: the engine, its cache, its draws."""
