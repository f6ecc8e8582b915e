"""The one shape of every error, and the closed list of codes that programs may rely on.

{"error": {"code": "too_large", "message": "one sentence", "status": 413}}
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

STATUS = MappingProxyType(
    {
        "bad_request": 400,
        "unauthorized": 401,
        "forbidden": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "too_large": 413,
        "unsupported_media": 415,
        "invalid_request": 422,
        "unprocessable": 422,
        "protection": 422,
        "busy": 429,
        "internal": 500,
        "unavailable": 503,
        "timeout": 504,
    }
)
INTERNAL = "something went wrong in the service; try again, and tell its operator the request id"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):  # noqa: N818 - most are the caller's errors, not ours
    """An answer other than success.

    Args:
        code: One of `STATUS`.
        message: One sentence: what came, what was wanted, what to do.
        headers: More headers for the answer.
        status: Where it differs from the code's own.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = dict(headers)
        self.status = STATUS[code] if status is None else status

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {"error": {"code": self.code, "message": self.message, "status": self.status}}


def busy(message: str, retry_after_s: float) -> Refusal:
    """Refuse for now, and say when to come back."""
    return Refusal("busy", message, headers={"Retry-After": str(max(1, round(retry_after_s)))})
