from envs import Problem, environment
from envs.procedural.tool_use import ToolEnvironment
from envs.tools import Call, tool

PRICES = {"north": 7, "south": 11, "east": 13, "west": 17}


@tool
def rate(zone: str) -> int:
    """The price of a kilogram in a zone, in euros.

    Args:
        zone: north, south, east or west.
    """
    if zone not in PRICES:
        raise ValueError(f"there is no zone {zone!r}; zones are {', '.join(PRICES)}")  # the policy reads this
    return PRICES[zone]


@environment("postage", levels=(1, 2), ood_levels=(3,), verify="numeric")
class Postage(ToolEnvironment):
    """What parcels cost, at rates that only a tool knows (level: parcels)."""

    def __init__(self, form="inline"):
        super().__init__(tools=(rate, "calculator"), form=form, max_turns=12)

    def generate(self, rng, level):
        total, steps, parcels = 0, [], []
        for _ in range(level):
            zone, weight = rng.choice(sorted(PRICES)), rng.randrange(11, 1000)
            parcels.append(f"{weight} kg to the {zone}")
            price, before = PRICES[zone], total
            total += weight * price
            for call, result in (
                (Call("rate", {"zone": zone}), price),
                (Call("calculator", {"expression": f"{before} + {weight} * {price}"}), total),
            ):
                steps.append(self.form.write_call(call) + self.form.write_result(str(result)))
        return Problem(f"What does it cost to send {' and '.join(parcels)}?", str(total), tuple(steps))
