"""`create_app`: the whole service as one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from imuge import __version__
from imuge.guard import Guard
from imuge.serve.desk import DeskSettings
from imuge.serve.edge import Edge
from imuge.serve.limits import Limits
from imuge.serve.log import Log, print_line
from imuge.serve.metrics import Metrics
from imuge.serve.page import build_page_router
from imuge.serve.refusals import Refusal
from imuge.serve.registry_routes import build_registry_router
from imuge.serve.routes import build_router
from imuge.serve.service import Service, visit_of
from imuge.serve.settings import GuardSettings
from imuge.serve.tokens import TokenFile

DESCRIPTION = """\
Immunize photographs before they are published, and tell later where a copy was changed and what \
was there before.

Every error has the same shape. Nothing is kept: pictures and results are in memory alone, and \
jobs are forgotten after a while. A verdict never says that a picture is authentic.
"""


def create_app(
    guard: Guard | GuardSettings,
    limits: Limits | None = None,
    *,
    tokens: Path | None = None,
    hosts: frozenset[str] = frozenset(),
    desk: DeskSettings | None = None,
    log: Log = print_line,
) -> FastAPI:
    """Build the service.

    Args:
        guard: `GuardSettings`, from which every worker process builds its own guard, with limits
            of memory and time. Or a `Guard`, for tests and notebooks: jobs then run in a thread
            of this process, and neither limit holds.
        limits: What is taken; None means the defaults.
        tokens: A file of API tokens; None lets everybody who can reach the service.
        hosts: Names that a Host header may have, beside localhost and IP addresses; "*" is any.
        desk: How pictures are published, and what is asked about copies; None: nothing is signed,
            recorded or asked.
        log: Takes one record a request and one a job; the default prints JSON lines on standard
            error.

    Returns:
        The application; its lifespan starts and ends the workers. `app.state.service` is its state.

    Raises:
        ConfigError: the tokens cannot be read, or there is no key.
        RegistryError: the registry is out of reach.
        ProvenanceError: certificates or anchors are no good.
    """
    limits = limits or Limits()
    metrics = Metrics()
    checked = None
    if tokens is not None:
        checked = TokenFile(tokens, lambda message: service.report_problem(message))
    service = Service(
        guard, limits, metrics=metrics, log=log, tokens=checked, desk=desk or DeskSettings()
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.jobs.start()
        try:
            yield
        finally:
            await service.jobs.stop()
            service.lookups.close()

    app = FastAPI(
        title="imuge",
        version=__version__,
        summary="See where a photograph was changed and what was there before",
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    app.state.service = service
    routers = [build_router(service), build_registry_router(service), build_page_router()]
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes]
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    app.add_middleware(Edge, limits=limits, metrics=metrics, log=log, hosts=hosts)
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """FastAPI's OpenAPI document without the error shape that FastAPI has by default."""
    document = FastAPI.openapi(app)
    shapes = document["components"]["schemas"]
    if shapes.pop("HTTPValidationError", None) is None:
        return document  # made before
    shapes.pop("ValidationError", None)
    for path in document["paths"].values():
        for operation in path.values():
            if "HTTPValidationError" in str(operation["responses"].get("422", "")):
                del operation["responses"]["422"]  # its parameters are words: none can be wrong
    return document


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    visit = visit_of(request)
    if not visit.body_complete:
        raise error  # to the edge, which knows whether the rest of the body is worth reading
    visit.code = error.code
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = " ".join(str(part) for part in first["loc"])[:80]
    return await _refused(request, Refusal("invalid_request", f"{where}: {first['msg']}"))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        refusal = Refusal("not_found", "there is nothing at this path; /openapi.json lists what is")
    elif error.status_code == 405:
        refusal = Refusal(
            "method_not_allowed",
            "this path does not take this method; /openapi.json lists those it takes",
            headers={"Allow": ", ".join(_methods(request))},
        )
    else:
        refusal = Refusal("bad_request", str(error.detail), status=error.status_code)
    return await _refused(request, refusal)


def _methods(request: Request) -> list[str]:
    """All methods that the path of a request takes; Starlette names those of one route alone."""
    found: set[str] = set()
    for route in [*request.app.routes, *request.app.state.routes]:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)
