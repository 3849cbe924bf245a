"""Clock arithmetic: what time is it after so many hours and minutes?"""

from __future__ import annotations

import random

from envs import Problem, environment


def is_same_time(problem: Problem, answer: str) -> bool:
    """Accepts 9:05 and 09:05."""
    hours, _, minutes = answer.partition(":")
    expected_hours, _, expected_minutes = problem.answer.partition(":")
    return (int(hours), int(minutes)) == (int(expected_hours), int(expected_minutes))


def solve(hour: int, minute: int, add_hours: int, add_minutes: int, *, carries: bool = True) -> tuple[list[str], str]:
    """(worked steps, answer); without carrying, full hours of minutes are lost."""
    total = minute + add_minutes
    carry = total // 60 if carries else 0
    end = (hour + add_hours + carry) % 24
    steps = [f"minutes: {minute} + {add_minutes} = {total}"]
    steps.append(f"hours: {hour} + {add_hours} + {carry} mod 24 = {end}")
    answer = f"{end}:{total % 60:02d}"
    return [*steps, f"it is {answer}"], answer


def forget_the_carry(problem: Problem) -> tuple[list[str], str]:
    """A wrong rule for demonstrators: minutes beyond 60 do not move the hour."""
    return solve(*problem.info["times"], carries=False)


@environment(
    "clock_arithmetic",
    levels=(1, 2),
    ood_levels=(3,),
    verify=is_same_time,
    mistakes={"forget_the_carry": forget_the_carry},
)
def clock_arithmetic(rng: random.Random, level: int) -> Problem:
    """The time after a span: by five minutes within an hour (1), within a day (2); to the minute, over days (3)."""
    unit = 1 if level == 3 else 5
    hour, minute = rng.randrange(24), rng.randrange(0, 60, unit)
    add_hours = 0 if level == 1 else rng.randrange(1, 24 if level == 2 else 240)
    add_minutes = rng.randrange(unit, 60, unit)
    steps, answer = solve(hour, minute, add_hours, add_minutes)
    span = f"{add_minutes} minutes" if level == 1 else f"{add_hours} hours and {add_minutes} minutes"
    prompt = f"It is {hour}:{minute:02d}. What time is it after {span}?"
    info = {"times": [hour, minute, add_hours, add_minutes]}
    return Problem(prompt, answer, tuple(steps), info=info)
