"""English wording inside answers: phrases, spoken numbers, described objects, quantities."""
