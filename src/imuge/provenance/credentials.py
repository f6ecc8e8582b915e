"""What a copy's Content Credentials turned out to be: one record for the verdict."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from imuge.provenance.claims import Mark

ManifestState: TypeAlias = Literal["none", "invalid", "valid", "trusted", "recovered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A manifest as it was judged.

    States: *none*, there is no manifest; *invalid*, it does not fit the file or itself; *valid*, it
    does, and its signer is not among the anchors; *trusted*, the signer is; *recovered*, the copy
    had none and the registry's is sound, though the copy's bytes differ from those it was made
    for.
    """

    manifest: ManifestState
    manifest_id: str | None = None
    signer: str | None = None  # organization in the certificate, as its issuer vouches for it
    signed_at: str | None = None  # of a time-stamp; without one nobody vouches for a date
    anchored: bool = False  # whether the signer's chain ends in an anchor given
    mark: Mark | None = None  # what the manifest says the pixels carry
    problems: tuple[str, ...] = ()  # the specification's codes of what failed
    sentence: str = "the file has no Content Credentials"

    def agrees_with(self, key_id: str | None, image_id: str | None) -> bool | None:
        """Whether the mark decoded from the pixels is the one that the manifest names.

        Returns:
            None where either says nothing.
        """
        if self.mark is None or key_id is None or image_id is None:
            return None
        return (self.mark.key_id, self.mark.image_id) == (key_id, image_id)


NONE = Credentials(manifest="none")
