"""What a config names, built: environment, demonstrator, and any other component, by name.

Resolved here, so that a mistake in a config is told before anything is trained. Nothing heavy is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from envs.demonstrators.base import MISTAKE_PROBLEMS, Demonstrator
from envs.demonstrators.writers import make_demonstrator, unused_mistakes
from envs.environment import Environment
from envs.registry import make, parse_reference
from envs.types import EnvSpec
from experiments.config.sections import Component, SamplingSection
from experiments.run.errors import UserError, did_you_mean, in_words, with_place
from experiments.run.terminal import tell
from policies.types import Sampling

T = TypeVar("T")


def build(what: str, component: Component, factory: Callable[..., T]) -> T:
    """`factory(name, **settings)`; a component that cannot be built is a user's mistake.

    Raises:
        UserError: unknown name or setting, or a value that the component refuses.
    """
    try:
        return factory(component.name, **component.settings)
    except (ValueError, TypeError, ArithmeticError, OSError, ImportError) as error:
        raise UserError(f"{what}: {in_words(error)}") from error
    except Exception as error:  # whatever the constructor of somebody's own part raises
        raise UserError(f"{what}: {with_place(error)}") from error


def find_named(where: str, find: Callable[[Any], T], names: Any) -> T:
    """What a setting names, found and not yet called.

    Raises:
        UserError: there is none of that name.
    """
    try:
        return find(names)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def build_env(component: Component) -> tuple[EnvSpec, Environment]:
    """The environment and the spec that travels to workers."""

    def read(name: str, **settings: Any) -> tuple[Environment, Sequence[str]]:
        """The environment, and what is to be told of its data, which are read here."""
        env = make(name, **settings)
        return env, env.notes()

    env, notes = build("env", component, read)
    for note in notes:
        tell(f"note: {component.name}: {note}")
    return parse_reference(component.name, **component.settings), env


def build_demonstrator(env: Environment, settings: Mapping[str, Any]) -> Demonstrator:
    """The environment's demonstrator with the settings of `imitation.demonstrator`, or the writers that it names.

    Raises:
        UserError: it has no such setting, or refuses its value.
    """
    try:
        demonstrator = make_demonstrator(env, **settings)
        if unused := unused_mistakes(demonstrator):
            raise ValueError(
                f"mistake {unused[0]!r} changes no solution in {MISTAKE_PROBLEMS} problems: nobody would make it; "
                "leave it out, or name one that `beyond env show` lists and that applies to these levels"
            )
        return demonstrator
    except (TypeError, ValueError) as error:
        writer = env.demonstrator()
        writers = getattr(writer, "writers", {"": writer}).values()  # of a mixture: one for each part
        known = {name for each in writers for name in inspect.signature(type(each)).parameters} - {"env"}
        named = settings.get("writers")
        own = [entry for entry in named.values() if isinstance(entry, Mapping)] if isinstance(named, Mapping) else []
        given = [name for each in (settings, *own) for name in each]
        wrong = next((name for name in given if name not in known | {"parts", "writers", "share"}), None)
        hint = did_you_mean(wrong, known | {"writers"}) if wrong is not None else ""
        raise UserError(f"imitation.demonstrator: {in_words(error)}{hint}") from error


def sampling_of(section: SamplingSection) -> Sampling:
    """The policies' settings from the config's."""
    return Sampling(**section.model_dump())
