"""The fields of a request as a `JobTask`, each checked, or the sentence that says what is wrong."""

import re
from collections.abc import Collection, Mapping
from typing import TypeVar

from imuge.errors import RegistryError
from imuge.guard import DETAILS, SEARCHES, STRENGTHS
from imuge.image import FORMATS
from imuge.registry.records import check_text
from imuge.serve.refusals import Refusal
from imuge.serve.tasks import HIDDEN_COPIES, JobTask

IMMUNIZE_FIELDS = ("strength", "detail", "format", "metadata", "replace", "key", "note")
VERIFY_FIELDS = ("recover", "hidden_copy", "uncrop", "search")
METADATA = ("keep", "no-gps", "none")
BOOLEANS = {"true": True, "false": False}
Choice = TypeVar("Choice", bound=str)
Default = TypeVar("Default", bound=str | None)
_NUMBER = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")


def immunize_task(
    fields: Mapping[str, str], *, keys: Mapping[str, bool], max_pixels: int
) -> JobTask:
    """What POST /v1/immunize asks for.

    Args:
        fields: As they came.
        keys: Ids of the service's keys, and whether each can immunize.
        max_pixels: The service's limit.

    Raises:
        Refusal: a field's value is not one that is taken.
    """
    key = fields.get("key")
    if key is not None and key not in keys:
        raise _wrong("key", "the id of a key of this service, as /v1/keys lists them", key)
    if not (keys[key] if key is not None else next(iter(keys.values()))):
        raise Refusal(
            "invalid_request",
            "this key is verify-only and cannot immunize; name another, as /v1/keys lists them",
        )
    return JobTask(
        kind="immunize",
        max_pixels=max_pixels,
        strength=_strength(fields.get("strength", "1")),
        detail=_choice(fields, "detail", DETAILS, "normal"),
        format=_choice(fields, "format", FORMATS, None),
        metadata=_choice(fields, "metadata", METADATA, "keep"),  # type: ignore[arg-type]
        replace=_boolean(fields, "replace", default=False),
        key=key,
        note=_note(fields.get("note", "")),
    )


def verify_task(
    fields: Mapping[str, str], *, coarse: bool, files: bool, max_pixels: int
) -> JobTask:
    """What POST /v1/verify asks for.

    Raises:
        Refusal: a field's value is not one that is taken.
    """
    return JobTask(
        kind="verify",
        max_pixels=max_pixels,
        recover=_boolean(fields, "recover", default=True),
        hidden_copy=_choice(fields, "hidden_copy", HIDDEN_COPIES, "false"),
        uncrop=_boolean(fields, "uncrop", default=False),
        search=_choice(fields, "search", SEARCHES, "quick"),
        coarse=coarse,
        files=files,
    )


def _note(text: str) -> str:
    try:
        check_text("note", text)
    except RegistryError as error:
        raise Refusal("invalid_request", str(error)) from error
    return text


def _strength(text: str) -> float:
    low, high = STRENGTHS
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        raise _wrong("strength", f"a number from {low} to {high}", text)
    return float(text)


def _choice(
    fields: Mapping[str, str], name: str, choices: Collection[Choice], default: Default
) -> Choice | Default:
    if name not in fields:
        return default
    chosen = next((choice for choice in choices if choice == fields[name]), None)
    if chosen is None:
        raise _wrong(name, f"one of {', '.join(choices)}", fields[name])
    return chosen


def _boolean(fields: Mapping[str, str], name: str, *, default: bool) -> bool:
    if name not in fields:
        return default
    if fields[name] not in BOOLEANS:
        raise _wrong(name, "true or false", fields[name])
    return BOOLEANS[fields[name]]


def _wrong(name: str, wanted: str, got: str) -> Refusal:
    return Refusal("invalid_request", f"expected {name} to be {wanted}, got {got[:40]!a}")
