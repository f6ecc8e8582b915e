"""What a service signs, records and asks with; every worker opens its own."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from imuge.trust.options import AskOptions, PublishOptions
from imuge.trust.origin import Sources
from imuge.trust.publishing import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """How a service publishes what it immunizes, and what it asks about copies."""

    publish: PublishOptions = field(default_factory=PublishOptions)
    ask: AskOptions = field(default_factory=AskOptions)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON takes them; of secrets they hold the paths alone."""
        return asdict(self)

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> "DeskSettings":
        """The settings that `to_dict` packed."""
        return cls(publish=PublishOptions(**held["publish"]), ask=AskOptions(**held["ask"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The settings, opened for as long as the process lives."""

    terms: Terms = field(default_factory=Terms)
    sources: Sources | None = None

    @classmethod
    def opened(cls, settings: DeskSettings) -> "Desk":
        """Open registry, certificates and anchors.

        Raises:
            As `PublishOptions.open` and `AskOptions.open`.
        """
        stack = ExitStack()
        return cls(
            terms=settings.publish.open(stack),
            sources=settings.ask.open(stack) if settings.ask.anything else None,
        )


NOTHING = Desk()
