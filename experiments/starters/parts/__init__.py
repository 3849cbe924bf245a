"""A part of each kind. `mine` and `Mine` stand for the name that `beyond new` is given."""
