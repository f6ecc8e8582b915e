"""Tables of settings, as TOML and JSON hold them, into frozen dataclasses.

A misspelt key or a value of another type is an error, never a default.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from imuge.errors import ConfigError

Settings = TypeVar("Settings")


def parse_settings(cls: type[Settings], table: Mapping[str, Any], *, name: str) -> Settings:
    """Build a dataclass from a table.

    Args:
        cls: A dataclass whose fields are numbers, truth values, words, tuples of numbers, mappings
            from words to numbers, or dataclasses of the same sort. A field named `x` of a
            dataclass type is the table `[x]`.
        table: Its values; what is missing takes the field's default.
        name: What a message calls the table.

    Raises:
        ConfigError: a key is unknown or missing, or a value has another type.
    """
    known = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    if unknown := table.keys() - known.keys():
        raise ConfigError(
            f"unknown settings in {name}: {', '.join(sorted(unknown))}; "
            f"known are {', '.join(known)}"
        )
    values = {key: _value(hints[key], value, f"{name}.{key}") for key, value in table.items()}
    missing = dataclasses.MISSING
    for key, item in known.items():
        if key not in values and item.default is missing and item.default_factory is missing:
            raise ConfigError(f"{name} lacks {key}")
    return cls(**values)


def _value(wanted: Any, value: Any, name: str) -> Any:  # noqa: ANN401 - it is what a table holds
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        if isinstance(value, Mapping):
            return parse_settings(wanted, value, name=name)
    elif origin is types.UnionType and type(None) in inner:
        return _value(inner[0], value, name)
    elif origin is tuple:
        if isinstance(value, list | tuple):
            return _tuple(inner, value, name)
    elif origin is not None and issubclass(origin, Mapping):
        if isinstance(value, Mapping):
            return {key: _value(inner[1], item, f"{name}.{key}") for key, item in value.items()}
    elif wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif type(value) is wanted:
        return value
    raise ConfigError(f"expected {name} to be {_words(wanted)}, got {value!r}")


def _tuple(inner: tuple[Any, ...], value: list[Any] | tuple[Any, ...], name: str) -> Any:  # noqa: ANN401
    if inner[-1] is not ...:
        if len(value) != len(inner):
            raise ConfigError(f"expected {name} to hold {len(inner)} values, got {list(value)}")
        return tuple(_value(kind, item, name) for kind, item in zip(inner, value, strict=True))
    return tuple(_value(inner[0], item, name) for item in value)


def _words(wanted: Any) -> str:  # noqa: ANN401
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "a word"}
    if wanted in names:
        return names[wanted]
    return "a list" if typing.get_origin(wanted) is tuple else "a table"
