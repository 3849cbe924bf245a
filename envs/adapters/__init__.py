"""Environments of other libraries as ours; each library is imported when one of its environments is made."""
