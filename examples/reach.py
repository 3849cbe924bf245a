from dataclasses import replace

from envs import Message, Problem, Step, StopReason, environment
from envs.environment import Environment
from verifiers import Outcome, Verdict

MOVES = {"double": lambda n: 2 * n, "add": lambda n: n + 1, "sub": lambda n: n - 3}


@environment("reach", levels=(3, 4, 5), ood_levels=(6,))
class Reach(Environment):
    """Reach a number from another one: each turn is `double`, `add` (1) or `sub` (3) (level: least number of moves)."""

    max_turns = 7

    def generate(self, rng, level):
        start = rng.randrange(5, 400)
        paths = {start: ()}  # every number that can be reached, with the moves of a shortest way
        for _ in range(level):
            nearest = dict(paths)
            for number, path in nearest.items():
                for name, move in MOVES.items():
                    if move(number) > 0:
                        paths.setdefault(move(number), (*path, name))
        target = rng.choice(sorted(number for number, path in paths.items() if len(path) == level))
        prompt = f"You have {start}; make it {target} in {level} moves. A move is double, add (1) or sub (3)."
        info = {"start": start, "target": target, "moves": level}
        problem = Problem(prompt, str(target), info=info, canonical=f"{start} {target}")
        steps = [f"{move} {number}" for move, number in zip(paths[target], _numbers(problem, paths[target]))]
        return replace(problem, solution=tuple(steps))  # the last one states the answer

    def turns(self, problem, steps, answer):
        """A solution as turns: what the policy says, and what it expects to read next."""
        return [tuple(step.split()) for step in steps]

    def step(self, problem, transcript):
        """What follows the last turn: the number, or the end."""
        moves = [message.content.strip() for message in transcript if message.role == "assistant"]
        if moves[-1] not in MOVES:
            return Step(None, stop=StopReason.PARSE_ERROR)
        number = _numbers(problem, moves)[-1]
        if number == problem.info["target"]:
            return Step(None, reward=1.0, stop=StopReason.COMPLETED)
        if len(moves) >= problem.info["moves"]:
            return Step(None, stop=StopReason.MAX_TURNS)
        return Step(str(number))

    def grade_transcript(self, problem, transcript: tuple[Message, ...]):
        """CORRECT when the moves reach the target, and no sooner than they may."""
        moves = [message.content.strip() for message in transcript if message.role == "assistant"]
        if not moves or any(move not in MOVES for move in moves):
            return Verdict(Outcome.UNPARSEABLE, 0.0, detail="a turn is no move")
        number = _numbers(problem, moves)[-1]
        is_right = number == problem.info["target"] and len(moves) <= problem.info["moves"]
        return Verdict(Outcome.CORRECT if is_right else Outcome.WRONG, float(is_right), " ".join(moves))


def _numbers(problem, moves):
    """The number after each move."""
    numbers, number = [], problem.info["start"]
    for move in moves:
        number = MOVES[move](number)
        numbers.append(number)
    return numbers
