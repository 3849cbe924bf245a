"""Clock arithmetic: what time is it after so many hours and minutes?"""

from __future__ import annotations

import random

from envs import Problem, environment


def is_same_time(problem: Problem, answer: str) -> bool:
    """Accepts 9:05 and 09:05."""
    hours, _, minutes = answer.partition(":")
    expected_hours, _, expected_minutes = problem.answer.partition(":")
    return (int(hours), int(minutes)) == (int(expected_hours), int(expected_minutes))


@environment("clock_arithmetic", levels=(1, 2), ood_levels=(3,), verify=is_same_time)
def clock_arithmetic(rng: random.Random, level: int) -> Problem:
    """The time after a span: minutes within the hour (1), hours and minutes (2), days of spans (3)."""
    hour, minute = rng.randrange(24), rng.randrange(60)
    add_hours = 0 if level == 1 else rng.randrange(1, 24 * (1 if level == 2 else 10))
    add_minutes = rng.randrange(1, 60)
    total = minute + add_minutes
    end_hour = (hour + add_hours + total // 60) % 24
    steps = [f"minutes: {minute} + {add_minutes} = {total}"]
    steps.append(f"hours: {hour} + {add_hours} + {total // 60} mod 24 = {end_hour}")
    span = f"{add_minutes} minutes" if level == 1 else f"{add_hours} hours and {add_minutes} minutes"
    prompt = f"It is {hour}:{minute:02d}. What time is it after {span}?"
    answer = f"{end_hour}:{total % 60:02d}"
    return Problem(prompt, answer, (*steps, f"it is {answer}"))
