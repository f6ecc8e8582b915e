"""The routes of the service; each does no more than pass on, and put answers into shape."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from imuge import __version__
from imuge.serve import schema, uploads
from imuge.serve.form_fields import IMMUNIZE_FIELDS, VERIFY_FIELDS, immunize_task, verify_task
from imuge.serve.jobs import UNFINISHED, Job
from imuge.serve.refusals import Refusal
from imuge.serve.service import Service, visit_of
from imuge.serve.tasks import IMMUNIZE_FILES, VERIFY_FILES, JobTask
from imuge.serve.tokens import LADDER, Caller, Role

FILE_NAMES = IMMUNIZE_FILES + VERIFY_FILES
BEARER = HTTPBearer(
    auto_error=False, description="A token of this service; where /health says auth: token."
)
JobId = Annotated[str, Path(alias="id", description="As the job's record has it.")]
Prefer = Annotated[
    str | None,
    Header(description="`respond-async` answers at once with a job (202).", max_length=256),
]
JOB_LOCATION = schema.headers(Location="The job.")
IMMUNIZED_HEADERS = schema.headers(
    Imuge_Image_Id="8 hexadecimal digits, drawn for this picture.",
    Imuge_Key_Id="The key that was used.",
    Imuge_Psnr_Db="Fidelity to the picture given.",
    Imuge_Log_Index="The registry's record of it; absent where there is no registry.",
    Imuge_Warnings="JSON list: what was converted or left behind; absent where nothing was.",
    Content_Disposition="A file name to save it under.",
)
PICTURE = {"image/*": {"schema": schema.BINARY}}
Admit = Callable[[Request, HTTPAuthorizationCredentials | None], Awaitable[Caller]]


def admitting(service: Service, role: Role) -> Any:  # noqa: ANN401 - FastAPI's dependency marker
    """A dependency that lets callers with `role` in, and names the scheme in OpenAPI."""

    async def admit(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
    ) -> Caller:
        return service.admit(request, role)

    return Security(admit)


def build_router(service: Service) -> APIRouter:
    """All routes but those of the page."""
    router = APIRouter()
    _add_facts(router, service)
    _add_work(router, service)
    _add_jobs(router, service)
    return router


def _add_facts(router: APIRouter, service: Service) -> None:
    @router.get(
        "/health",
        tags=["service"],
        summary="Whether the service works, and what it takes",
        responses={200: {"model": schema.Health}, **schema.errors(503)},
    )
    async def health() -> Response:
        if not service.jobs.able:
            raise Refusal(
                "unavailable",
                "the service is stopping or its workers are being replaced; try again in a minute",
                headers={"Retry-After": "60"},
            )
        limits = service.limits
        return JSONResponse(
            {
                "status": "ok",
                "version": __version__,
                **service.jobs.model,
                "auth": "none" if service.tokens is None else "token",
                "roles": list(LADDER) if service.tokens is None else [],
                "registry": service.lookups.name,
                "limits": {"max_bytes": limits.max_bytes, "max_pixels": limits.max_pixels},
            }
        )

    @router.get(
        "/metrics",
        tags=["service"],
        summary="Counts and times, for Prometheus",
        description="For the role metrics alone: counts of verdicts are no business of callers.",
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **schema.errors(401, 403),
        },
        response_class=Response,
    )
    async def metrics(
        caller: Annotated[Caller, admitting(service, "metrics")],  # noqa: ARG001
    ) -> Response:
        return Response(service.metrics.text(), media_type=service.metrics.media_type)

    @router.get(
        "/v1/caller",
        tags=["service"],
        summary="What the caller may do",
        responses={200: {"model": schema.CallerFacts}, **schema.errors(401, 403)},
    )
    async def caller_facts(
        caller: Annotated[Caller, admitting(service, "verify-coarse")],
    ) -> Response:
        return JSONResponse({"name": caller.name, "role": caller.role})

    @router.get(
        "/v1/keys",
        tags=["keys"],
        summary="Ids and names of the service's keys",
        responses={200: {"model": schema.KeyList}, **schema.errors(401, 403)},
    )
    async def keys(
        caller: Annotated[Caller, admitting(service, "verify")],  # noqa: ARG001
    ) -> Response:
        found = [
            {"id": key_id, "name": service.key_names[key_id], "can_immunize": able}
            for key_id, able in service.keys.items()
        ]
        return JSONResponse({"keys": found})


def _add_work(router: APIRouter, service: Service) -> None:
    answers = schema.errors(401, 403, 408, 413, 415, 422, 503, 504)
    accepted: dict[int | str, dict[str, Any]] = {
        202: {
            "model": schema.JobRecord,
            "description": "Accepted as a job.",
            "headers": JOB_LOCATION,
        }
    }

    @router.post(
        "/v1/immunize",
        tags=["pictures"],
        summary="Protect a picture",
        responses={
            200: {
                "description": "The immunized file, in its own format.",
                "content": PICTURE,
                "headers": IMMUNIZED_HEADERS,
            },
            **accepted,
            **answers,
        },
        response_class=Response,
        openapi_extra=schema.IMMUNIZE_FORM,
    )
    async def immunize(
        request: Request,
        caller: Annotated[Caller, admitting(service, "immunize")],
        prefer: Prefer = None,
    ) -> Response:
        def to_task(fields: dict[str, str]) -> JobTask:
            return immunize_task(fields, keys=service.keys, max_pixels=service.limits.max_pixels)

        job = await _accept(service, request, caller, IMMUNIZE_FIELDS, to_task, prefer)
        return await _answer(service, request, job, _immunized)

    @router.post(
        "/v1/verify",
        tags=["pictures"],
        summary="Say where a picture was changed since it was protected",
        description="The role verify-coarse gets the coarse verdict.",
        responses={
            200: {"model": schema.VerdictRecord | schema.CoarseVerdict},
            **accepted,
            **answers,
        },
        openapi_extra=schema.VERIFY_FORM,
    )
    async def verify(
        request: Request,
        caller: Annotated[Caller, admitting(service, "verify-coarse")],
        prefer: Prefer = None,
    ) -> Response:
        def to_task(fields: dict[str, str]) -> JobTask:
            return verify_task(
                fields,
                coarse=not caller.may("verify"),
                files=_is_async(prefer),
                max_pixels=service.limits.max_pixels,
            )

        job = await _accept(service, request, caller, VERIFY_FIELDS, to_task, prefer)
        return await _answer(service, request, job, _verdict)


def _add_jobs(router: APIRouter, service: Service) -> None:
    answers = schema.errors(401, 403, 404)

    @router.get(
        "/v1/jobs/{id}",
        tags=["jobs"],
        summary="How far a job is, and what it gave",
        responses={200: {"model": schema.JobRecord}, **answers},
    )
    async def job(
        job_id: JobId, caller: Annotated[Caller, admitting(service, "verify-coarse")]
    ) -> Response:
        found = service.jobs.find(job_id, caller.name)
        service.jobs.note_read(found)
        return JSONResponse(_record(service, found))

    @router.delete(
        "/v1/jobs/{id}",
        tags=["jobs"],
        summary="Cancel a job, and forget everything of it",
        status_code=204,
        response_class=Response,
        responses={204: {"description": "Forgotten."}, **answers},
    )
    async def delete(
        job_id: JobId, caller: Annotated[Caller, admitting(service, "verify-coarse")]
    ) -> Response:
        service.jobs.forget(service.jobs.find(job_id, caller.name))
        return Response(status_code=204)

    @router.get(
        "/v1/jobs/{id}/files/{name}",
        tags=["jobs"],
        summary="One file of a finished job",
        responses={
            200: {
                "description": "`immunized` in its own format, `receipt` as JSON, `report` as "
                "HTML, `thumbnail` as WebP, the rest as PNG.",
                "content": {
                    **PICTURE,
                    "text/html": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"type": "object"}},
                },
                "headers": schema.headers(Content_Disposition="A file name to save it under."),
            },
            **answers,
        },
        response_class=Response,
    )
    async def file(
        job_id: JobId,
        name: Annotated[
            str, Path(json_schema_extra={"enum": list(FILE_NAMES)}, description="As in `files`.")
        ],
        caller: Annotated[Caller, admitting(service, "verify-coarse")],
    ) -> Response:
        found = service.jobs.find(job_id, caller.name).files.get(name)
        if found is None:
            raise Refusal("not_found", "this job has no such file; its record lists those it has")
        shown = f'attachment; filename="{found.name}.{found.ending}"'
        return Response(
            found.content, media_type=found.media_type, headers={"Content-Disposition": shown}
        )


async def _accept(
    service: Service,
    request: Request,
    caller: Caller,
    known: tuple[str, ...],
    to_task: Callable[[dict[str, str]], JobTask],
    prefer: str | None,
) -> Job:
    """Receive a picture and queue its job."""
    name = service.admit_job(request, caller)
    visit = visit_of(request)
    with service.jobs.receiving(name, _announced_bytes(service, request)):
        upload = await uploads.receive(request, known)
        visit.input_sha256 = (await asyncio.to_thread(hashlib.sha256, upload.data)).hexdigest()
    job = service.jobs.submit(
        to_task(upload.fields),
        upload.data,
        sha256=visit.input_sha256,
        caller=name,
        owner=caller.name,
        keep=_is_async(prefer),
        visit=visit,
    )
    visit.job = job.id[:8]
    return job


async def read_whole(request: Request, most: int) -> bytes:
    """A body that is no form.

    Raises:
        Refusal: it has more than `most` bytes.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise Refusal("too_large", f"expected a body of at most {most} bytes; send less")
    return bytes(body)


async def work_through(service: Service, request: Request, caller: Caller, task: JobTask) -> Job:
    """Receive a picture as the body itself, and wait for what is wanted of it.

    Raises:
        Refusal: it cannot be taken, or the job failed.
    """
    name = service.admit_job(request, caller)
    visit = visit_of(request)
    with service.jobs.receiving(name, _announced_bytes(service, request)):
        data = await read_whole(request, service.limits.max_bytes)
        visit.input_sha256 = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
    job = service.jobs.submit(
        task,
        data,
        sha256=visit.input_sha256,
        caller=name,
        owner=caller.name,
        keep=False,
        visit=visit,
    )
    visit.job = job.id[:8]
    await _ended(service, request, job)
    return job


async def _ended(service: Service, request: Request, job: Job) -> None:
    """Wait for a job that nobody asks for again.

    Raises:
        Refusal: it failed, or was cancelled.
    """
    try:
        await _until_finished(request, job)
    finally:
        service.jobs.forget(job)
    if job.outcome is None:
        raise job.error or Refusal("unavailable", "the job was cancelled; the service is stopping")
    visit = visit_of(request)
    visit.verdict, visit.image_id = job.outcome.verdict, job.outcome.image_id


def _announced_bytes(service: Service, request: Request) -> int:
    """The length of a body as its header says, or the most that it may have."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() else service.limits.max_body_bytes


async def _answer(
    service: Service, request: Request, job: Job, shape: Callable[[Job], Response]
) -> Response:
    """The job's record at once, or what it gave when it is done."""
    if job.keep:
        location = f"/v1/jobs/{job.id}"
        headers = {"Location": location, "Preference-Applied": "respond-async"}
        return JSONResponse(_record(service, job), status_code=202, headers=headers)
    await _ended(service, request, job)
    return shape(job)


async def _until_finished(request: Request, job: Job) -> None:
    """Wait for a job, or until its caller is gone: then nobody would read what it gives."""
    finished = asyncio.create_task(job.finished.wait())
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({finished, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (finished, gone):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _immunized(job: Job) -> Response:
    assert job.outcome is not None
    file = job.files["immunized"]
    record = job.outcome.record
    headers = {
        "Imuge-Image-Id": record["image_id"],
        "Imuge-Key-Id": record["key_id"],
        "Imuge-Psnr-Db": f"{record['psnr_db']:.2f}",
        "Content-Disposition": f'attachment; filename="immunized.{file.ending}"',
    }
    if record["log_index"] is not None:
        headers["Imuge-Log-Index"] = str(record["log_index"])
    if record["warnings"]:
        headers["Imuge-Warnings"] = json.dumps(record["warnings"])
    return Response(file.content, media_type=file.media_type, headers=headers)


def _verdict(job: Job) -> Response:
    assert job.outcome is not None
    return JSONResponse(job.outcome.record)


def _record(service: Service, job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.task.kind,
        "state": job.state,
        "position": service.jobs.position(job),
        "step": job.step if job.state in UNFINISHED else None,
        "progress": job.progress,
        "created": job.created.isoformat(timespec="seconds"),
        "expires": job.expires.isoformat(timespec="seconds"),
        "error": None if job.error is None else job.error.body["error"],
        "result": None if job.outcome is None else job.outcome.record,
        "files": list(job.files),
    }


def _is_async(prefer: str | None) -> bool:
    """Whether a Prefer header (RFC 7240) asks for an answer at once."""
    preferred = [item.partition(";")[0].strip().lower() for item in (prefer or "").split(",")]
    return "respond-async" in preferred
