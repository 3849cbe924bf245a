"""Text of an answer to one spelling: notation, plain numbers, units, dates, option letters."""
