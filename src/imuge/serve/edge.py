"""The outermost layer: what every request passes before a route sees it, and every answer after.

the connection's share ─► host and origin ─► rate of the address ─► bytes and time of the body ─►
security headers, request id ◄── one JSON log line, metrics ◄── answer, or the error shape
"""

import asyncio
import ipaddress
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from imuge.serve.connections import PIECES, REFUSED, SMALL_PIECE, BodyPieces
from imuge.serve.limits import Limits
from imuge.serve.log import Log, Visit, now_text
from imuge.serve.metrics import Metrics
from imuge.serve.rates import Rate, network_of
from imuge.serve.refusals import INTERNAL, Refusal, busy

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Scope, Any, Any], Any]

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; frame-src blob: 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
DATA_POLICY = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
LOCAL_NAMES = frozenset({"localhost"})
ANY_HOST = "*"
DRAINED_BODIES = 4  # refused bodies up to so many times the limit are read on, so that the answer
# arrives; the connection of a longer one is closed
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
GONE_STATUS = 499  # in the log: the client went away before it had an answer


class Gone(Exception):  # noqa: N818 - nothing went wrong here
    """The client hung up while its body was awaited."""


class Edge:
    """ASGI middleware around the whole application.

    Args:
        app: What lies inside.
        limits: Of bodies and rates.
        metrics: Counts every answer.
        log: Takes one record a request.
        hosts: Names that a `Host` header may have, beside localhost and any IP address; a page
            of another site could otherwise reach this service under its own name (DNS rebinding).
    """

    def __init__(
        self, app: App, *, limits: Limits, metrics: Metrics, log: Log, hosts: frozenset[str]
    ) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._hosts = {host.lower() for host in hosts | LOCAL_NAMES}
        self._rate = Rate(limits.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ANN401
        """Serve one request; connections of other kinds are none of ours."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ANN401
        address = (scope.get("client") or ("", 0))[0]
        visit = Visit(secrets.token_hex(8), address, time.monotonic())
        scope.setdefault("state", {})["visit"] = visit
        headers = _headers(scope)
        answer = _Answer(scope, send, visit)
        try:
            self._check(scope, headers, visit)
            await self._app(scope, self._counted(scope, headers, receive, visit), answer)
        except Refusal as refusal:
            await answer.refuse(refusal, closing=self._closing(headers, visit))
        except Gone:
            visit.detail = visit.detail or "the client went away"
        except Exception as error:
            visit.detail = f"{type(error).__name__}"
            await answer.refuse(Refusal("internal", INTERNAL), closing=False)
        finally:
            self._note(scope, visit)

    def _check(self, scope: Scope, headers: Mapping[str, str], visit: Visit) -> None:
        """Refuse what must not reach a route."""
        refused: Refusal | None = scope["state"].get(REFUSED)
        if refused is not None:
            raise refused
        host = _host_of(headers.get("host", ""))
        if host is None or not (ANY_HOST in self._hosts or host in self._hosts or _is_ip(host)):
            raise Refusal(
                "bad_request",
                "this service does not go by the name in the Host header; use its own name, or "
                "have its operator add it with --allow-host",
            )
        if scope["path"].startswith("/v1/") and _from_another_site(headers):
            raise Refusal(
                "forbidden", "requests from pages of other sites are refused; use the service's own"
            )
        if wait_s := self._rate.wait_s(network_of(visit.address)):
            raise busy("too many requests from your address; wait and try again", wait_s)
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._limits.max_body_bytes:
            raise self._too_large()

    def _too_large(self) -> Refusal:
        return Refusal(
            "too_large",
            f"the file has more than {self._limits.max_bytes:,} bytes, which is the limit; use a "
            "smaller one",
        )

    def _counted(
        self,
        scope: Scope,
        headers: Mapping[str, str],
        receive: Any,  # noqa: ANN401
        visit: Visit,
    ) -> Any:  # noqa: ANN401
        """`receive` that ends a body which is too long, whatever its header says, or too slow."""
        pieces: BodyPieces | None = scope["state"].get(PIECES)
        deadline = time.monotonic() + self._limits.upload_timeout_s
        # Without these two headers there is no body (RFC 9112, section 6.3).
        visit.body_complete = not {"content-length", "transfer-encoding"} & headers.keys()

        async def counted() -> Message:
            if visit.body_complete:
                message: Message = await receive()
                return message
            left_s = max(0.0, deadline - time.monotonic())
            try:
                async with asyncio.timeout(min(left_s, self._limits.idle_timeout_s)):
                    message = await receive()
            except TimeoutError as error:
                raise self._too_slow(idle=left_s > self._limits.idle_timeout_s) from error
            if message["type"] == "http.disconnect":
                raise Gone
            visit.bytes_in += len(message.get("body", b""))
            visit.body_complete = not message.get("more_body", False)
            if visit.bytes_in > self._limits.max_body_bytes:
                raise self._too_large()
            if pieces is not None and pieces.too_small:
                raise Refusal(
                    "bad_request",
                    f"the body comes in chunks of a few bytes each; send chunks of {SMALL_PIECE} "
                    "bytes or more, or a Content-Length",
                )
            return message

        return counted

    def _too_slow(self, *, idle: bool) -> Refusal:
        limits = self._limits
        if idle:
            text = f"nothing of the file arrived for {limits.idle_timeout_s:g} s; send it again"
        else:
            text = (
                f"the file did not arrive within {limits.upload_timeout_s:g} s; send a smaller "
                "one, or over a faster line"
            )
        return Refusal("timeout", text, status=408)

    def _closing(self, headers: Mapping[str, str], visit: Visit) -> bool:
        """Whether the rest of a refused body is not worth reading."""
        if visit.body_complete:
            return False
        declared = headers.get("content-length", "")
        most = DRAINED_BODIES * self._limits.max_body_bytes
        return not declared.isdecimal() or int(declared) > most

    def _note(self, scope: Scope, visit: Visit) -> None:
        """Log and count one request."""
        seconds = time.monotonic() - visit.began
        if not visit.status:
            visit.status = GONE_STATUS
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(method, route, str(visit.status)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        if visit.code is not None:
            self._metrics.refusals.labels(visit.code).inc()
        record = {
            "time": now_text(),
            "event": "request",
            "request_id": visit.request_id,
            "address": visit.address,
            "token": visit.token,
            "method": method,
            "route": route,
            "status": visit.status,
            "ms": round(seconds * 1000),
            "bytes_in": visit.bytes_in,
        }
        told = ("code", "job", "input_sha256", "verdict", "image_id", "detail")
        record |= {name: value for name in told if (value := getattr(visit, name))}
        self._log(record)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class _Answer:
    """`send` that adds our headers and notes the status."""

    def __init__(self, scope: Scope, send: Any, visit: Visit) -> None:  # noqa: ANN401
        self._scope = scope
        self._send = send
        self._visit = visit

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._visit.status = message["status"]
            message["headers"] = [*message.get("headers", []), *self._own(message)]
        await self._send(message)

    async def refuse(self, refusal: Refusal, *, closing: bool) -> None:
        """Answer with the error shape, unless an answer has begun already."""
        self._visit.code = refusal.code
        if self._visit.status:
            return  # the client sees a cut-off answer
        body = json.dumps(refusal.body).encode("ascii")
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        headers |= refusal.headers | ({"Connection": "close"} if closing else {})
        start = {"type": "http.response.start", "status": refusal.status}
        await self({**start, "headers": _raw(headers)})
        content = b"" if self._scope["method"] == "HEAD" else body
        await self({"type": "http.response.body", "body": content})

    def _own(self, message: Message) -> list[tuple[bytes, bytes]]:
        sent = {name.lower() for name, _ in message.get("headers", [])}
        path = self._scope["path"]
        page = path == "/" or path.startswith("/static/")
        own = {
            **HEADERS,
            "Content-Security-Policy": PAGE_POLICY if page else DATA_POLICY,
            "Cache-Control": "no-cache" if page else "no-store",
            "Request-Id": self._visit.request_id,
        }
        return [item for item in _raw(own) if item[0].lower() not in sent]


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()
    ]


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name; of several of one name the last."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


def _host_of(header: str) -> str | None:
    """The name in a Host header, lower case, without its port; None where it is no such thing."""
    found = _HOST.fullmatch(header.strip())
    return None if found is None else found[1].lower()


def _is_ip(host: str) -> bool:
    """Whether a host is an address: such a name cannot have been pointed here by somebody."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _from_another_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another origin makes this request."""
    if site := headers.get("sec-fetch-site"):
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return False
    scheme, _, place = origin.partition("://")
    # Behind a proxy with TLS the scheme is the browser's business; its default port holds for both.
    default = _DEFAULT_PORTS.get(scheme.lower())
    return default is None or _place(place, default) != _place(headers.get("host", ""), default)


def _place(host: str, default_port: int) -> tuple[str, int] | None:
    """Name and port of a Host header or an origin; None where it is neither."""
    found = _HOST.fullmatch(host.strip())
    return None if found is None else (found[1].lower(), int(found[2] or default_port))
