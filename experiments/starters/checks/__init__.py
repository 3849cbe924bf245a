"""The test of each part, which `beyond new` writes beside it."""
