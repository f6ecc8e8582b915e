"""Run the application under uvicorn, and end it so that nobody loses an answer.

SIGTERM ─► new work is refused (503), /health too ─► jobs finish and are fetched, or the grace
ends ─► connections close ─► exit status 0.    A second signal ends it at once.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI

from imuge.errors import ConfigError
from imuge.files import reason
from imuge.serve.connections import Connections, protocol_for
from imuge.serve.log import now_text, print_line
from imuge.serve.service import Service


class GracefulServer(uvicorn.Server):
    """Uvicorn, but the first signal lets jobs finish while their results can still be fetched."""

    def __init__(
        self, config: uvicorn.Config, service: Service, on_start: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_start = on_start
        self._service = service
        self._signals = 0
        self._ending: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the workers, then listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to stop; a second signal ends at once."""
        self._signals += 1
        if self._signals > 1:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Uvicorn asks ten times a second whether to go on."""
        if self._signals and self._ending is None:
            print_line({"time": now_text(), "event": "stopping"})
            self._ending = asyncio.create_task(self._drain())
        return await super().on_tick(counter)

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._service.limits.grace_s):
                await self._service.jobs.drain()
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """Take the address before any worker starts, so that a wrong one is told at once.

    Raises:
        ConfigError: it cannot be used.
    """
    listener = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {reason(error)}; give another --host or --port"
        ) from error
    return listener


def serve(
    app: FastAPI,
    listener: socket.socket,
    *,
    trusted_proxies: Sequence[str] = (),
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal comes.

    Args:
        app: Made by `create_app`.
        listener: A bound socket.
        trusted_proxies: Addresses or networks whose X-Forwarded-For is believed.
        on_start: Called once the service answers.
    """
    logging.getLogger("uvicorn.error").addHandler(_Lines(logging.WARNING))
    with contextlib.suppress(KeyboardInterrupt):
        server = build_server(app, trusted_proxies=trusted_proxies, on_start=on_start)
        server.run(sockets=[listener])


def build_server(
    app: FastAPI,
    *,
    trusted_proxies: Sequence[str] = (),
    on_start: Callable[[], None] = lambda: None,
) -> GracefulServer:
    """The server for an application made by `create_app`; its `run` takes the sockets."""
    service: Service = app.state.service
    limits = service.limits
    connections = Connections(limits, service.metrics, service.log, trusted_proxies)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # the edge writes its own, with hashes and without names
        server_header=False,
        lifespan="on",
        http=protocol_for(connections),
        ws="none",
        loop="asyncio",
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_keep_alive=round(limits.idle_timeout_s) or 1,
        timeout_graceful_shutdown=max(1, round(limits.grace_s)),
    )
    return GracefulServer(config, service, on_start)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a complaint is not one that `Connections` writes a line about."""
    return record.getMessage() != "Invalid HTTP request received."


class _Lines(logging.Handler):
    """Uvicorn's own complaints, as log lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        print_line({"time": now_text(), "event": "server", "message": record.getMessage()})
