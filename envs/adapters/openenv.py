"""OpenEnv environments: `openenv:http://127.0.0.1:8000` on a server, `openenv:package.module:Class` in this process.

The server keeps the state of an episode, and a connection is a session. See envs/adapters/episodes.py for how a session
follows a transcript; each process that rolls out or grades needs room for one session (and for `keep_open` more), so
start servers with `max_concurrent_envs` of the number of workers and grader processes. A full server is waited for.
"""

from __future__ import annotations

import inspect
import json
import time
import typing
from collections.abc import Callable, Mapping
from typing import Any

from envs.adapters import need
from envs.adapters.episodes import EpisodeEnvironment, Frame, Session, SessionFault
from envs.registry import environment
from verifiers.plugins import load_module

HIDDEN_FIELDS = ("metadata", "done", "reward")
SCALARS = ("string", "integer", "number", "boolean")
WHOLE = "json"  # the turn is the whole action as a JSON object
MAX_ACTION_CHARACTERS = 20_000
MAX_MESSAGE_MEGABYTES = 4.0
FIRST_WAIT_SECONDS = 0.02
LONGEST_WAIT_SECONDS = 1.0


@environment("openenv")
class OpenEnv(EpisodeEnvironment):
    """An OpenEnv environment in text, by address or by class; CORRECT when the rewards add up to `success`.

    Args:
        source: `http://host:port` of a server, or the environment's class: package.module:Class or path/file.py:Class.
        action: the field of the action that a turn fills; "json" when the turn is the whole action as a JSON object.
            Not needed where the action has one field.
        observation: the field of the observation that the policy reads; all fields but the empty ones unless given.
        success: the sum of rewards from which on an episode counts as solved.
        max_turns: turns of the policy.
        instruction: text before the first observation.
        reset: further arguments of the environment's reset, e.g. {"split": "train"}.
        options: arguments of the class.
        timeout_seconds: for a connection, and for each answer of a server.
        identity, keep_open: see `EpisodeEnvironment`.
    Raises:
        ModuleNotFoundError: openenv is not installed.
        ValueError: no server answers there, no such class, or an action that no turn can fill.
    """

    def __init__(
        self,
        source: str,
        action: str = "",
        observation: str = "",
        success: float = 1.0,
        max_turns: int = 10,
        instruction: str = "",
        reset: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        timeout_seconds: float = 30.0,
        identity: str = "auto",
        keep_open: int = 0,
    ) -> None:
        need("openenv.core.generic_client", extra="openenv")  # here: it takes seconds, and every session needs it
        self.source = source
        self.observation = observation
        self.reset_arguments = dict(reset or {})
        self.timeout_seconds = timeout_seconds
        self._open: Callable[[], Session]
        if source.startswith(("http://", "https://")):
            title, schema = _describe_server(source, timeout_seconds)
            self._open = lambda: RemoteSession(self)
        else:
            cls, action_class = _classes(source)
            title, schema = _describe_class(cls(**dict(options or {}))), action_class.model_json_schema()
            self._open = lambda: LocalSession(self, cls(**dict(options or {})), action_class)
        self.action = action or _only_field(schema, source)
        self.action_type = _type_of(schema, self.action, source)
        super().__init__(
            name=f"openenv:{title}",  # not the address: its problems are the same, and of the same split, at another
            success=success,
            max_turns=max_turns,
            instruction=instruction,
            identity=identity,
            keep_open=keep_open,
        )

    def open(self) -> Session:
        """A connection to the server, or an instance of the class."""
        return self._open()

    def read_action(self, turn: str) -> dict[str, Any]:
        """The action that a turn writes.

        Raises:
            ValueError: it writes none.
        """
        if len(turn) > MAX_ACTION_CHARACTERS:
            raise ValueError(f"an action has over {MAX_ACTION_CHARACTERS} characters")
        if self.action == WHOLE:
            try:
                value = json.loads(turn)
            except RecursionError as error:
                raise ValueError("the action is nested too deeply") from error
            if not isinstance(value, dict):
                raise ValueError(f"{turn[:40]!r} is no action; expected a JSON object")
            return value
        text = turn.strip()
        if self.action_type == "string":
            return {self.action: text}
        readers: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": _read_boolean}
        return {self.action: readers[self.action_type](text)}

    def frame(self, observation: Mapping[str, Any], reward: Any, done: Any) -> Frame:
        """An observation as the policy reads it: one field as its text, several as `name: value` lines."""
        if self.observation:
            if self.observation not in observation:
                known = ", ".join(key for key in observation if key not in HIDDEN_FIELDS)
                raise SessionFault(f"{self.name}: an observation has no field {self.observation!r}; it has {known}")
            shown = {self.observation: observation[self.observation]}
        else:
            shown = {
                k: v for k, v in observation.items() if k not in HIDDEN_FIELDS and v is not None and v not in ("", [])
            }
        texts = {name: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for name, v in shown.items()}
        text = next(iter(texts.values())) if len(texts) == 1 else "\n".join(f"{k}: {v}" for k, v in texts.items())
        return Frame(text, float(reward or 0.0), bool(done))


class RemoteSession:
    """A connection to a server. It opens with the reset, and waits while the server is full."""

    def __init__(self, env: OpenEnv) -> None:
        self.env = env
        self._client: Any = None

    def reset(self, seed: int) -> Frame:
        """Begins the episode of a seed.

        Raises:
            ConnectionError: the server is gone, or stayed full.
        """
        until = time.monotonic() + self.env.timeout_seconds
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return self._frame(self._connected().reset(seed=seed, **self.env.reset_arguments))
            except RuntimeError as error:
                self.close()
                if "CAPACITY_REACHED" not in str(error):
                    raise ConnectionError(f"{self.env.name} failed to reset: {error}") from error
                if time.monotonic() + wait > until:
                    message = f"{self.env.name} stayed full for {self.env.timeout_seconds:g} s: {error}"
                    raise ConnectionError(f"{message}; start it with a larger max_concurrent_envs") from error
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    def act(self, turn: str) -> Frame:
        """Does the action that a turn writes."""
        action = self.env.read_action(turn)
        try:
            return self._frame(self._connected().step(action))
        except TimeoutError as error:
            raise SessionFault(f"no answer to {turn[:40]!r} within {self.env.timeout_seconds:g} s") from error
        except RuntimeError as error:
            if "VALIDATION_ERROR" in str(error):
                raise ValueError(f"{turn[:40]!r} is no action: {error}") from error
            raise SessionFault(f"{self.env.name} failed at {turn[:40]!r}: {error}") from error

    def close(self) -> None:
        """Closes the connection; the server forgets the episode."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> Any:
        if self._client is None:
            from openenv.core.generic_client import GenericEnvClient

            seconds = self.env.timeout_seconds
            self._client = GenericEnvClient(
                base_url=self.env.source,
                connect_timeout_s=seconds,
                message_timeout_s=seconds,
                max_message_size_mb=MAX_MESSAGE_MEGABYTES,
            ).sync()
        return self._client

    def _frame(self, result: Any) -> Frame:
        return self.env.frame(result.observation, result.reward, result.done)


class LocalSession:
    """An instance of an OpenEnv environment's class. Nothing bounds how long it takes: serve what may hang."""

    def __init__(self, env: OpenEnv, theirs: Any, action_class: Any) -> None:
        self.env = env
        self.theirs = theirs
        self.action_class = action_class

    def reset(self, seed: int) -> Frame:
        """Begins the episode of a seed."""
        return self._frame(self.theirs.reset(seed=seed, **self.env.reset_arguments))

    def act(self, turn: str) -> Frame:
        """Does the action that a turn writes."""
        action = self.action_class.model_validate(self.env.read_action(turn))  # pydantic's error is a ValueError
        try:
            return self._frame(self.theirs.step(action))
        except Exception as error:  # foreign code: whatever it raises at an action ends this episode only
            raise SessionFault(f"{self.env.name} failed at {turn[:40]!r}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Lets the environment clean up."""
        self.theirs.close()

    def _frame(self, observation: Any) -> Frame:
        fields = observation.model_dump(mode="json")
        return self.env.frame(fields, observation.reward, observation.done)


def _describe_server(url: str, timeout_seconds: float) -> tuple[str, Mapping[str, Any]]:
    """(what a server calls its environment, the JSON schema of the actions that it takes)."""
    import requests  # a dependency of openenv

    session = requests.Session()
    session.trust_env = not url.startswith(("http://127.", "http://localhost", "http://[::1]"))  # no proxy to ourselves
    try:
        answers = []
        for page in ("metadata", "schema"):
            with session.get(f"{url.rstrip('/')}/{page}", timeout=timeout_seconds) as answer:
                answer.raise_for_status()
                answers.append(answer.json())
        return str(answers[0]["name"]), answers[1]["action"]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"no OpenEnv server answers at {url}: {reason}; start it (ours: `beyond env serve NAME`) and name it as "
            "openenv:http://host:port"
        ) from error


def _describe_class(theirs: Any) -> str:
    """What an instance calls its environment; it is closed."""
    try:
        return str(theirs.get_metadata().name)
    finally:
        theirs.close()


def _classes(source: str) -> tuple[Any, Any]:
    """(environment class, action class) of a reference to a class."""
    from openenv.core.env_server.interfaces import Environment as Theirs

    where, _, attribute = source.rpartition(":")
    if not where:
        raise ValueError(
            f"openenv source is {source!r}, expected http://host:port, package.module:Class or file.py:Class"
        )
    try:
        module = load_module(where)
    except ModuleNotFoundError as error:
        raise ValueError(f"openenv:{source}: there is no module {where!r}") from error
    cls: Any = getattr(module, attribute, None)
    is_theirs = inspect.isclass(cls) and issubclass(cls, Theirs)
    if not is_theirs:
        raise ValueError(f"openenv:{source}: {attribute!r} is {cls!r}, expected a subclass of OpenEnv's Environment")
    if cls.step_async is not Theirs.step_async or cls.reset_async is not Theirs.reset_async:
        raise ValueError(f"openenv:{source} is asynchronous: serve it, and name its address instead")
    action_class = typing.get_type_hints(cls.step).get("action")
    if not hasattr(action_class, "model_json_schema"):
        raise ValueError(f"openenv:{source}: step's argument `action` is not annotated with its Action class")
    return cls, action_class


def _fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: field for name, field in schema.get("properties", {}).items() if name not in HIDDEN_FIELDS}


def _only_field(schema: Mapping[str, Any], source: str) -> str:
    fields = _fields(schema)
    if len(fields) == 1:
        return next(iter(fields))
    names = ", ".join(fields) or "none"
    raise ValueError(
        f"actions of openenv:{source} have the fields {names}: name the one that a turn fills with action=NAME, or "
        f"action={WHOLE} for turns that are JSON objects"
    )


def _type_of(schema: Mapping[str, Any], action: str, source: str) -> str:
    if action == WHOLE:
        return WHOLE
    fields = _fields(schema)
    if action not in fields:
        raise ValueError(f"actions of openenv:{source} have no field {action!r}; there are {', '.join(fields)}")
    kind = fields[action].get("type")
    if kind not in SCALARS:
        raise ValueError(f"field {action!r} of openenv:{source} is no text or number: use action={WHOLE}")
    missing = [name for name in schema.get("required", ()) if name != action and name in fields]
    if missing:
        raise ValueError(f"actions of openenv:{source} also need {', '.join(missing)}: use action={WHOLE}")
    return kind


def _read_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text.lower() == "true"
