"""A newsroom for measurements: a key, a registry, certificates; it publishes and verifies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imuge.guard import Guard
from imuge.image import encode, from_array, load
from imuge.keys import Key
from imuge.provenance import load_signer, make_test_certificates
from imuge.registry import Registry
from imuge.results import Immunized, Pixels, Verdict
from imuge.trust.origin import Sources, with_provenance
from imuge.trust.publishing import Draft, Terms, publish

NAME = "registry.example.org/bench"


@dataclass(frozen=True, slots=True)
class Desk:
    """Publishes into a registry of its own, and asks it."""

    guard: Guard
    terms: Terms
    sources: Sources
    registry: Registry

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator["Desk"]:
        """Make one whose files lie in an empty folder."""
        anchors, chain, key = make_test_certificates(folder / "certificates")
        made = Registry.create(
            str(folder / "registry.sqlite"), name=NAME, key_file=folder / "registry.key"
        )
        with made as registry:
            yield cls(
                Guard(Key.from_secret("bench", bytes(range(32)))),
                Terms(registry=registry, signer=load_signer(chain, key)),
                Sources(registry=registry, credentials=True, anchors=anchors.read_bytes()),
                registry,
            )

    def publish(self, pixels: Pixels) -> bytes:
        """Publish pixels as PNG and give the file."""
        return self.publish_file(encode(from_array(pixels), format="PNG"))

    def publish_file(self, data: bytes) -> bytes:
        """Publish a file as it would be by the command, and give what goes out."""
        original = load(data)

        def immunize() -> Immunized[bytes]:
            return self.guard.immunize(original)

        def keep(draft: Draft) -> bytes:
            self.registry.publish(draft.picture)
            return draft.file

        return publish(original, data, immunize, self.terms, keep)[1]

    def verdicts(self, copy: bytes) -> tuple[Verdict, Verdict]:
        """The verdict by the mark alone, and the one with registry and credentials."""
        alone = self.guard.verify(copy, recover=False)
        return alone, with_provenance(alone, copy, self.sources)
