"""Connections before they are requests: how many, how slow, and what is no HTTP at all.

    open ─► counted for its address ─► head in time ─► request ─► answer read ─► idle ─► closed

What is refused here gets the same error shape as everywhere, is logged and is counted.
"""

import asyncio
import ipaddress
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from imuge.errors import ConfigError
from imuge.serve.limits import Limits
from imuge.serve.log import Log, now_text
from imuge.serve.metrics import Metrics
from imuge.serve.rates import network_of
from imuge.serve.refusals import Refusal, busy

REFUSED = "imuge.refused"  # in a request's state: the Refusal that its connection earned
PIECES = "imuge.pieces"  # in a request's state: its `BodyPieces`
SMALL_PIECE = 64  # bytes
MOST_SMALL_PIECES = 256  # parsing so many takes a hundredth of a second
MOST_HEAD_BYTES = 32 * 2**10
RETRY_S = 10.0
OVERFLOW = 2  # up to so many times its share an address is answered; beyond, it is hung up on
UNREAD = "the client does not read its answer"
NOT_HTTP = "this is not HTTP as the service speaks it (HTTP/1.1); use a client for HTTP"


class BodyPieces(h11.Connection):
    """An HTTP/1.1 parser that stops reading a body which comes in very many very small chunks.

    Each chunk costs as much as a large one, and a read can hold tens of thousands of them.
    """

    too_small = False
    _pieces = 0
    _bytes = 0

    def next_event(self) -> Any:  # noqa: ANN401 - h11's events have no common type
        """The next event; none any more of a body in crumbs."""
        if self.too_small:
            return h11.NEED_DATA
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
            self.too_small = (
                self._pieces > MOST_SMALL_PIECES and self._bytes < SMALL_PIECE * self._pieces
            )
        return event


class Connections:
    """All that are open, by address.

    Args:
        limits: How many there may be, and how slow.
        metrics: Counts what is refused.
        log: Takes one record for each.
        trusted_proxies: Addresses or networks of proxies, which speak for many; "*" is any.

    Raises:
        ConfigError: a proxy is neither.
    """

    def __init__(
        self, limits: Limits, metrics: Metrics, log: Log, trusted_proxies: Sequence[str] = ()
    ) -> None:
        self.limits = limits
        self._metrics = metrics
        self._log = log
        self._open: Counter[str] = Counter()
        self._trust_all = "*" in trusted_proxies
        self._trusted = [_network(place) for place in trusted_proxies if place != "*"]

    @property
    def count(self) -> int:
        """How many are open."""
        return self._open.total()

    def enter(self, address: str) -> None:
        """Count a connection."""
        self._open[network_of(address)] += 1

    def leave(self, address: str) -> None:
        """A connection is closed."""
        network = network_of(address)
        self._open[network] -= 1
        if self._open[network] <= 0:
            del self._open[network]

    def judge(self, address: str) -> tuple[Refusal | None, bool]:
        """Whether one more connection, counted already, is refused, and whether without a word."""
        most, mine = self.limits.connections, self.limits.connections_per_address
        if self.count > most:
            full = "the service has as many connections as it takes; try again in a moment"
            refusal = Refusal("unavailable", full, headers={"Retry-After": f"{RETRY_S:.0f}"})
            return refusal, self.count > OVERFLOW * most
        own = self._open[network_of(address)]
        if own > mine and not self._is_trusted(address):
            text = f"your address has {mine} connections open already; close some and try again"
            return busy(text, RETRY_S), own > OVERFLOW * mine
        return None, False

    def note(self, address: str, refusal: Refusal) -> None:
        """Log and count what did not become a request."""
        self._metrics.refusals.labels(refusal.code).inc()
        self._metrics.requests.labels("OTHER", "unmatched", str(refusal.status)).inc()
        self._log(
            {
                "time": now_text(),
                "event": "connection",
                "address": address,
                "status": refusal.status,
                "code": refusal.code,
                "detail": refusal.message,
            }
        )

    def _is_trusted(self, address: str) -> bool:
        if self._trust_all:
            return True
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


class GuardedProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1, with timeouts for heads and readers and an address's share."""

    open_connections: Connections  # set by `protocol_for`

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = BodyPieces(h11.SERVER, MOST_HEAD_BYTES)
        self.app_state = {**app_state, PIECES: self.conn}
        self._address = ""
        self._heard = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and give it time for a head."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.open_connections.enter(self._address)
        refusal, at_once = self.open_connections.judge(self._address)
        if refusal is not None and at_once:
            self.open_connections.note(self._address, refusal)
            transport.abort()
        elif refusal is not None:
            self.app_state[REFUSED] = refusal
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.open_connections.leave(self._address)
        _cancel(self._head_timer)
        _cancel(self._reader_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; a head that is begun has its time, a request that is under way its own limits."""
        self._heard = True
        super().data_received(data)
        begun, _ = self.conn.trailing_data
        if self.conn.their_state is h11.IDLE and begun and not self.transport.is_closing():
            self._await_head()
            return
        _cancel(self._head_timer)
        self._head_timer = None
        if self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            # The rest of a body that was refused: its answer is over, and so is its request.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours says more
        """Answer what is no HTTP."""
        self._refuse(Refusal("bad_request", NOT_HTTP))

    def pause_writing(self) -> None:
        """A client reads more slowly than we write: watch whether it reads at all."""
        super().pause_writing()
        self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        _cancel(self._reader_timer)

    def _await_head(self) -> None:
        if self._head_timer is None:
            limit_s = self.open_connections.limits.header_timeout_s
            self._head_timer = self.loop.call_later(limit_s, self._head_is_late)

    def _head_is_late(self) -> None:
        limit_s = self.open_connections.limits.header_timeout_s
        late = Refusal(
            "timeout", f"the head of the request did not arrive within {limit_s:g} s", status=408
        )
        if self._heard:
            self._refuse(late)
        else:
            self.open_connections.note(self._address, late)
            self.transport.close()  # whoever said nothing waits for no answer

    def _watch_reader(self, unread: int) -> None:
        def look() -> None:
            left = self.transport.get_write_buffer_size()
            if left < unread:
                self._watch_reader(left)
                return
            idle = Refusal("timeout", UNREAD, status=408)
            self.open_connections.note(self._address, idle)
            self.transport.abort()

        limit_s = self.open_connections.limits.idle_timeout_s
        self._reader_timer = self.loop.call_later(limit_s, look)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with the error shape where none was begun, and close."""
        self.open_connections.note(self._address, refusal)
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = json.dumps(refusal.body).encode("ascii")
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())),
                ("connection", "close"),
            ]
            head = h11.Response(status_code=refusal.status, headers=headers)
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _network(place: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(place, strict=False)
    except ValueError as error:
        raise ConfigError(
            f"expected the address or network of a proxy, like 10.0.0.2 or 10.0.0.0/8, got {place}"
        ) from error


def protocol_for(connections: Connections) -> type[GuardedProtocol]:
    """The protocol of one server, which shares the count of its connections."""
    return type("ServiceProtocol", (GuardedProtocol,), {"open_connections": connections})


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
