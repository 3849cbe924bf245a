"""Grading in processes that a deadline and a memory limit can kill."""
