"""What the answers look like, for OpenAPI: models that describe and are never run in production.

tests/serve hold every answer against them.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from imuge.guard import DETAILS, SEARCHES
from imuge.image import FORMATS
from imuge.serve.form_fields import METADATA
from imuge.serve.refusals import STATUS
from imuge.serve.tasks import HIDDEN_COPIES, IMMUNIZE_FILES, VERIFY_FILES

KEY_ID = r"^[0-9a-f]{8}$"
IMAGE_ID = r"^[0-9a-f]{12}$"
SHA256 = r"^[0-9a-f]{64}$"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorFacts(_Answer):
    """What went wrong."""

    code: Literal[tuple(STATUS)] = Field(description="For programs.")  # type: ignore[valid-type]
    message: str = Field(description="For people: what came, what was wanted, what to do.")
    status: int


class ErrorShape(_Answer):
    """Every error has this form."""

    error: ErrorFacts


class LimitsFacts(_Answer):
    """What the service takes."""

    max_bytes: int
    max_pixels: int


class Health(_Answer):
    """The service works."""

    status: Literal["ok"]
    version: str
    model: str
    model_sha256: str = Field(pattern=SHA256)
    auth: Literal["none", "token"]
    roles: list[Literal["verify-coarse", "verify", "immunize"]] = Field(
        description="What a caller without a token may."
    )
    registry: str | None = Field(description="Where what is immunized is recorded; null: nowhere.")
    limits: LimitsFacts


class CallerFacts(_Answer):
    """Whose token it is, and its role; without tokens everybody may everything."""

    name: str | None
    role: Literal["verify-coarse", "verify", "immunize"]


class KeyFacts(_Answer):
    """A key of the service, without its secret."""

    id: str = Field(pattern=KEY_ID)
    name: str
    can_immunize: bool


class KeyList(_Answer):
    """The service's keys, the one that immunizes by default first."""

    keys: list[KeyFacts]


class RegionFacts(_Answer):
    """One connected piece in which something happened, and what two witnesses say of it."""

    box: tuple[int, int, int, int] = Field(description="Left, top, right, bottom in pixels.")
    area_pixels: int
    area: float
    mean_probability: float | None
    found_by: Literal["mark", "reference"]
    kind: Literal["changed", "protected again", "protection lost"] = Field(
        description="protection lost is no tampering: the content is as it was published."
    )
    content: Literal["differs", "agrees", "not checked"] = Field(
        description="What is seen, with what the hidden code tells of it."
    )
    template_agreement: float | None = Field(
        description="Share of the template's signs that agree; one half by chance."
    )
    content_agreement: float | None = Field(
        description="Share of the region in which what is seen is what was published."
    )
    odds: float | None = Field(
        description="Natural logarithm of the odds that it is a change; null where not weighed."
    )


class GeometryFacts(_Answer):
    """How the copy lies in what was published; none of it is tampering."""

    frame: tuple[int, int] = Field(description="Width and height of the published frame.")
    scale: float = Field(description="Frame pixels for each of the copy's.")
    turn: float = Field(description="Degrees clockwise.")
    mirrored: bool
    stretch: float = Field(description="Wider than published, over higher; 1 where alike.")
    outline: list[tuple[float, float]] = Field(
        description="The copy's corners as fractions of what was published."
    )
    share: float = Field(description="Of what was published that the copy shows.")
    placed_by: Literal["pilot", "edges"]
    within: list[tuple[float, float]] | None = Field(
        description="Corners of the published picture in the copy's pixels, where the copy shows "
        "something around it."
    )


class ProvenanceFacts(_Answer):
    """Who published it, as Content Credentials and registry tell it."""

    manifest: Literal["not asked", "none", "invalid", "valid", "trusted", "recovered"]
    signer: str | None
    signed_at: str | None
    bindings_agree: bool | None = Field(description="Whether manifest and pixels name one mark.")
    registry: Literal["not asked", "not found", "found"]
    registry_name: str | None
    record: dict[str, str | int] | None
    withdrawn: str | None
    same_file: bool | None = Field(description="Whether these are the bytes recorded.")
    reference: Literal["not comparable", "agrees", "differs"]
    reference_difference: float | None = Field(description="Grey levels.")
    sentences: list[str] = Field(description="The above for a person.")


class VerdictRecord(_Answer):
    """What one picture says about itself; never that it is authentic."""

    schema_: Literal["imuge.verdict/2"] = Field(alias="schema")
    verdict: Literal["intact", "tampered", "degraded", "foreign", "unprotected"]
    sentence: str
    key_name: str | None
    key_id: str | None
    image_id: str | None
    presence_p: float
    tag_p: float | None
    identity_p: float | None
    layout_p: float | None
    corrected_for: dict[str, int]
    tampered_area: float | None = Field(description="null where nothing could be judged.")
    regions: list[RegionFacts] = Field(
        description="Those that count first, and of them those with the highest odds."
    )
    hidden_copy: Literal["agrees", "disagrees", "not checked"]
    hidden_copy_agreement: float | None
    geometry: GeometryFacts | None = Field(description="null where no message was read.")
    width: int
    height: int
    model: str
    model_sha256: str
    minimum_area: int | None
    small_spots: int
    input_sha256: str | None
    tool_version: str
    warnings: list[str]
    provenance: ProvenanceFacts | None = Field(
        description="null where the service asks neither credentials nor registry."
    )


class CoarseMask(_Answer):
    """Where the picture changed, in blocks."""

    block: Literal[32] = Field(description="Pixels on a side of a block.")
    levels: Literal[3]
    rows: list[list[int]] = Field(
        description="0 nothing reported, 1 a part of the block, 2 at least half of it."
    )


class CoarseVerdict(_Answer):
    """All that the role verify-coarse is told."""

    schema_: Literal["imuge.verdict-coarse/1"] = Field(alias="schema")
    verdict: Literal["intact", "tampered", "degraded", "foreign", "unprotected"]
    sentence: str
    width: int
    height: int
    coarse_mask: CoarseMask


class ImmunizedRecord(_Answer):
    """What was made; the picture itself is the job's file `immunized`."""

    image_id: str = Field(pattern=IMAGE_ID)
    key_id: str = Field(pattern=KEY_ID)
    key_name: str
    psnr_db: float
    strength: float
    format: Literal[tuple(FORMATS)]  # type: ignore[valid-type]
    log_index: int | None = Field(description="Of the registry's record; null without a registry.")
    warnings: list[str]
    verdict: VerdictRecord


class JobRecord(_Answer):
    """A job: how far it is, and what it gave."""

    id: str
    kind: Literal["immunize", "verify"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    position: int = Field(description="In the queue, 1 is the next; 0 when not queued.")
    step: str | None = Field(description="What is being computed.")
    progress: float = Field(ge=0, le=1, description="Share of that step.")
    created: datetime
    expires: datetime = Field(description="Set anew when the job ends; then it is forgotten.")
    error: ErrorFacts | None
    result: ImmunizedRecord | VerdictRecord | CoarseVerdict | None
    files: list[Literal[IMMUNIZE_FILES + VERIFY_FILES]]  # type: ignore[valid-type]


class RegistryFacts(_Answer):
    """What a registry shows to everybody."""

    name: str
    verifier_key: str = Field(description="Checks checkpoints, receipts and answers.")
    size: int
    checkpoint: str = Field(description="Size and root of the log now, a signed note.")


class InclusionProof(_Answer):
    """The way from a record's leaf to the root of the log."""

    log_index: int
    proof: list[str] = Field(description="Hashes, base64, from the leaf on.")
    checkpoint: str = Field(description="A signed note.")


class ConsistencyProof(_Answer):
    """Shows that one log is the beginning of another (RFC 9162)."""

    old: int
    new: int
    proof: list[str] = Field(description="Hashes, base64.")


class FoundRecord(_Answer):
    """A record, in brief."""

    log_index: int
    by: Literal["file", "original", "likeness"]
    distance: int | None = Field(description="Bits of 256, of a likeness.")
    created_at: str
    publisher: str
    withdrawn: str | None


class FoundRecords(_Answer):
    """What was found; empty where nothing was."""

    matches: list[FoundRecord]


class AnswerCheckpoint(_Answer):
    """The log that an answer was given from."""

    origin: str
    size: int
    root: str


class SignedAnswer(_Answer):
    """An answer that its registry cannot deny; `note` is all of it, signed."""

    query: dict[str, str]
    answer: FoundRecords
    checkpoint: AnswerCheckpoint
    at: str
    note: str


class ReceiptFacts(_Answer):
    """A receipt, to be checked offline."""

    schema_: Literal["imuge.receipt/1"] = Field(alias="schema")
    record: dict[str, str | int]
    proof: list[str]
    checkpoint: str


class RecordFacts(_Answer):
    """One line of the log."""

    record: dict[str, str | int]
    withdrawn: str | None = Field(description="When it was withdrawn, if it was.")
    receipt: ReceiptFacts


class Algorithm(_Answer):
    """A soft binding's name."""

    alg: str


class Algorithms(_Answer):
    """As the C2PA's Soft Binding Resolution API has it."""

    watermarks: list[Algorithm]
    fingerprints: list[Algorithm]


class BindingMatch(_Answer):
    """A manifest that goes with a soft binding."""

    manifestId: str  # noqa: N815 - the C2PA's name
    similarityScore: int = Field(ge=0, le=100)  # noqa: N815


class Matches(_Answer):
    """As the C2PA's Soft Binding Resolution API has it."""

    matches: list[BindingMatch]


class BindingQuery(_Answer):
    """The body of a look-up by soft binding."""

    alg: str = Field(max_length=128)
    value: str = Field(max_length=2048)


BINARY = {"type": "string", "format": "binary"}
BOOLEAN = {"type": "string", "enum": ["true", "false"]}
FILE = {**BINARY, "description": "One JPEG, PNG, WebP, TIFF, AVIF or HEIC picture."}


def form(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    """The request body of a route that takes a multipart form."""
    table = {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": table}}}
    }


IMMUNIZE_FORM = form(
    {"file": FILE},
    {
        "strength": {
            "type": "number",
            "minimum": 0.25,
            "maximum": 3,
            "default": 1,
            "description": "Times what is added: more survives rougher treatment and is seen "
            "sooner.",
        },
        "detail": {
            "type": "string",
            "enum": list(DETAILS),
            "default": "normal",
            "description": "robust for channels that scale down hard, fine for those that never "
            "scale.",
        },
        "format": {
            "type": "string",
            "enum": list(FORMATS),
            "description": "Of the file made; default: that of the input.",
        },
        "metadata": {"type": "string", "enum": list(METADATA), "default": "keep"},
        "replace": {
            **BOOLEAN,
            "default": "false",
            "description": "Immunize what is protected already; earlier changes are then hidden.",
        },
        "key": {
            "type": "string",
            "pattern": KEY_ID,
            "description": "The id of a key; default: the service's first.",
        },
        "note": {
            "type": "string",
            "maxLength": 120,
            "description": "A line for the public record, where the service has a registry.",
        },
    },
)
VERIFY_FORM = form(
    {"file": FILE},
    {
        "recover": {**BOOLEAN, "default": "true", "description": "Reconstruct what was there."},
        "hidden_copy": {
            "type": "string",
            "enum": list(HIDDEN_COPIES),
            "default": "false",
            "description": "Render the whole hidden copy, for a person to look at; tampered: where "
            "the verdict is that.",
        },
        "uncrop": {
            **BOOLEAN,
            "default": "false",
            "description": "Of a part of a picture, also show what was cut away.",
        },
        "search": {
            "type": "string",
            "enum": list(SEARCHES),
            "default": "quick",
            "description": "off: whole and upright copies; quick: also parts, turns, mirror "
            "images and copies inside a larger picture; full: stretched ones, too.",
        },
    },
)

BINDING_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": BindingQuery.model_json_schema()}},
    }
}
PICTURE_BODY = {"requestBody": {"required": True, "content": {"image/*": {"schema": FILE}}}}

_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
_REASONS = {
    400: "The request cannot be read.",
    401: "A token is missing or unknown.",
    403: "The token's role does not allow this, or a page of another site asks.",
    404: "There is no such thing, or it is not yours.",
    405: "The path does not take this method.",
    408: "The file did not arrive in time.",
    413: "The file has too many bytes, or the picture too many pixels.",
    415: "This is no picture of a kind that is taken.",
    422: "A field is wrong, or the picture cannot be used, or it is protected already.",
    429: "The queue is full, or you ask too often.",
    500: "Something went wrong in the service.",
    503: "The service is stopping, or has no worker.",
    504: "The job took too long.",
}
_LOGIN = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, with those that every route has."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({400, 405, 429, 500, *statuses}):
        found[status] = {"model": ErrorShape, "description": _REASONS[status]}
        if status in {429, 503}:
            found[status]["headers"] = _RETRY
        if status == 401:
            found[status]["headers"] = _LOGIN
    return found


def headers(**described: str) -> dict[str, Any]:
    """Headers of an answer; `Imuge_Image_Id` stands for `Imuge-Image-Id`."""
    return {
        name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
        for name, text in described.items()
    }
