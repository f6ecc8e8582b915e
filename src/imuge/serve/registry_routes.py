"""The routes that answer out of the registry, and the C2PA's way of asking for manifests.

    anybody         the registry's key, its log as it is now, proofs: hashes alone
    verify-coarse   look-ups by SHA-256, PDQ or soft binding; each answer is signed
    verify          whole records, with a fresh receipt

The C2PA's Soft Binding Resolution API lies below /c2pa, but for byReference: fetching an address
that a stranger gives is no business of this service.
"""

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from imuge.provenance.claims import MARK_LABEL
from imuge.registry import answers
from imuge.serve import schema
from imuge.serve.refusals import Refusal
from imuge.serve.routes import admitting, read_whole, work_through
from imuge.serve.service import Service
from imuge.serve.tasks import JobTask
from imuge.serve.tokens import Caller

if TYPE_CHECKING:
    from imuge.registry import Registry
    from imuge.registry.lookup import Match

MOST_RESULTS = 50
MOST_QUERY_BYTES = 4096
LARGEST = 2**53  # of numbers that every JSON reader takes
KEY_ID_BYTES, BINDING_BYTES = 4, 10

LogIndex = Annotated[int, Path(ge=0, lt=LARGEST, description="Of the record, from 0.")]
Size = Annotated[int, Query(ge=1, lt=LARGEST, description="Records in the log.")]
Results = Annotated[int, Query(alias="maxResults", ge=1, le=MOST_RESULTS)]


def build_registry_router(service: Service) -> APIRouter:
    """All of them; without a registry they say that there is none."""
    router = APIRouter()
    _add_proofs(router, service)
    _add_lookups(router, service)
    _add_resolution(router, service)
    return router


def _nothing(what: str) -> Refusal:
    return Refusal("not_found", f"the registry has no {what}")


def _add_proofs(router: APIRouter, service: Service) -> None:
    problems = schema.errors(404, 422, 503)

    @router.get(
        "/v1/registry",
        tags=["registry"],
        summary="The registry's verifier key, and its log as it is now",
        description="Anybody may ask. Take the key from the publisher's own site: one that comes "
        "with what it is to check proves nothing.",
        responses={200: {"model": schema.RegistryFacts}, **schema.errors(404, 503)},
    )
    async def facts() -> Response:
        size, note = await service.lookups.ask(lambda registry: registry.head())
        verifier = service.lookups.registry.verifier
        return JSONResponse(
            {
                "name": verifier.name,
                "verifier_key": str(verifier),
                "size": size,
                "checkpoint": note,
            }
        )

    @router.get(
        "/v1/registry/proofs/{log_index}",
        tags=["registry"],
        summary="Proof that a record stands in the log as it is now",
        description="Anybody may ask: it holds hashes alone.",
        responses={200: {"model": schema.InclusionProof}, **problems},
    )
    async def proof(log_index: LogIndex) -> Response:
        def question(registry: "Registry") -> tuple[tuple[bytes, ...], str] | None:
            return registry.proof(log_index) if log_index < registry.head()[0] else None

        found = await service.lookups.ask(question)
        if found is None:
            raise _nothing(f"record {log_index}")
        steps, note = found
        return JSONResponse({"log_index": log_index, "proof": _texts(steps), "checkpoint": note})

    @router.get(
        "/v1/registry/consistency",
        tags=["registry"],
        summary="Proof that an earlier log is the beginning of a later one",
        description="Anybody may ask: it holds hashes alone.",
        responses={200: {"model": schema.ConsistencyProof}, **problems},
    )
    async def consistency(old: Size, new: Size) -> Response:
        def question(registry: "Registry") -> list[bytes] | None:
            able = old <= new <= registry.head()[0]
            return registry.consistency(old, new) if able else None

        steps = await service.lookups.ask(question)
        if steps is None:
            raise _nothing(f"logs of {old} and {new} records, the older first")
        return JSONResponse({"old": old, "new": new, "proof": _texts(steps)})


def _add_lookups(router: APIRouter, service: Service) -> None:
    problems = schema.errors(401, 403, 404, 422, 503)

    @router.get(
        "/v1/registry/find",
        tags=["registry"],
        summary="Records of a file by its SHA-256, or of pictures that look alike by PDQ",
        description='Nothing is uploaded. The answer, "nothing" too, is signed with the query, '
        "the checkpoint and the time. Likeness finds, and proves nothing.",
        responses={200: {"model": schema.SignedAnswer}, **problems},
    )
    async def find(
        caller: Annotated[Caller, admitting(service, "verify-coarse")],  # noqa: ARG001
        sha256: Annotated[str | None, Query(pattern=schema.SHA256)] = None,
        pdq: Annotated[str | None, Query(pattern=schema.SHA256)] = None,
        most: Results = 10,
    ) -> Response:
        if (sha256 is None) == (pdq is None):
            raise Refusal("invalid_request", "expected sha256 or pdq, and not both")

        def question(registry: "Registry") -> str:
            if sha256 is not None:
                found, query = registry.find_file(sha256), {"sha256": sha256}
            else:
                assert pdq is not None
                found = registry.find_alike(bytes.fromhex(pdq), limit=most)
                query = {"pdq": pdq}
            matches = [_brief(match) for match in found[:most]]
            return registry.signed_answer(query, {"matches": matches})

        note = await service.lookups.ask(question)
        return JSONResponse({**answers.read(service.lookups.registry.verifier, note), "note": note})

    @router.get(
        "/v1/registry/records/{log_index}",
        tags=["registry"],
        summary="A record whole, with a receipt of today",
        responses={200: {"model": schema.RecordFacts}, **problems},
    )
    async def record(
        log_index: LogIndex,
        caller: Annotated[Caller, admitting(service, "verify")],  # noqa: ARG001
    ) -> Response:
        def question(registry: "Registry") -> dict[str, Any] | None:
            if log_index >= registry.head()[0]:
                return None
            withdrawn = registry.record(log_index).withdrawn
            receipt = registry.receipt(log_index)
            return {
                "record": receipt.record.to_dict(),
                "withdrawn": None if withdrawn is None else withdrawn.created_at,
                "receipt": receipt.to_dict(),
            }

        found = await service.lookups.ask(question)
        if found is None:
            raise _nothing(f"record {log_index}")
        return JSONResponse(found)


def _add_resolution(router: APIRouter, service: Service) -> None:
    problems = schema.errors(401, 403, 404, 413, 422, 503)
    options: dict[str, Any] = {"tags": ["c2pa"]}

    @router.get(
        "/c2pa/services/supportedAlgorithms",
        summary="The soft bindings that can be asked for",
        responses={200: {"model": schema.Algorithms}, **schema.errors(404)},
        **options,
    )
    async def algorithms() -> Response:
        _ = service.lookups.registry  # refused where there is none
        return JSONResponse({"watermarks": [{"alg": _algorithm(service)}], "fingerprints": []})

    @router.get(
        "/c2pa/matches/byBinding",
        summary="Manifests by the value of a soft binding",
        description="The value is key id and image id, ten bytes, as base64.",
        responses={200: {"model": schema.Matches}, **problems},
        **options,
    )
    async def by_binding(
        caller: Annotated[Caller, admitting(service, "verify-coarse")],  # noqa: ARG001
        alg: Annotated[str, Query(max_length=128)],
        value: Annotated[str, Query(max_length=1024)],
        most: Results = 10,  # noqa: ARG001 - a mark names one picture
    ) -> Response:
        return await _matches(service, alg, value)

    @router.post(
        "/c2pa/matches/byBinding",
        summary="The same, with the binding in the body",
        responses={200: {"model": schema.Matches}, **problems},
        openapi_extra=schema.BINDING_BODY,
        **options,
    )
    async def by_large_binding(
        request: Request,
        caller: Annotated[Caller, admitting(service, "verify-coarse")],  # noqa: ARG001
        most: Results = 10,  # noqa: ARG001 - a mark names one picture
    ) -> Response:
        body = await read_whole(request, MOST_QUERY_BYTES)
        try:
            query = schema.BindingQuery.model_validate_json(body, strict=True)
        except ValidationError as error:
            raise _bad('expected JSON of the form {"alg": "...", "value": "..."}') from error
        return await _matches(service, query.alg, query.value)

    @router.post(
        "/c2pa/matches/byContent",
        summary="Manifests by a picture itself: its mark is read",
        description="Counts as a picture to verify.",
        responses={200: {"model": schema.Matches}, **problems, **schema.errors(408, 415, 504)},
        openapi_extra=schema.PICTURE_BODY,
        **options,
    )
    async def by_content(
        request: Request,
        caller: Annotated[Caller, admitting(service, "verify-coarse")],
        alg: Annotated[str | None, Query(max_length=128)] = None,
        most: Results = 10,  # noqa: ARG001 - a mark names one picture
    ) -> Response:
        _ = service.lookups.registry  # refused where there is none
        if alg is not None and alg != _algorithm(service):
            raise _bad(f"expected the algorithm {_algorithm(service)}, which is all that is read")
        task = JobTask(kind="verify", max_pixels=service.limits.max_pixels, recover=False)
        job = await work_through(service, request, caller, task)
        assert job.outcome is not None
        key_id, image_id = (job.outcome.record[name] for name in ("key_id", "image_id"))
        if key_id is None or image_id is None:
            return JSONResponse({"matches": []})
        return JSONResponse(await _by_mark(service, key_id, image_id))

    @router.get(
        "/c2pa/manifests/{manifest_id}",
        summary="A manifest store, as it was signed at publication",
        responses={
            200: {
                "description": "The whole store.",
                "content": {"application/c2pa": {"schema": schema.BINARY}},
            },
            **problems,
        },
        response_class=Response,
        **options,
    )
    async def manifest(
        manifest_id: Annotated[str, Path(max_length=128)],
        caller: Annotated[Caller, admitting(service, "verify-coarse")],  # noqa: ARG001
        active: Annotated[bool, Query(alias="returnActiveManifest")] = False,
    ) -> Response:
        if active:
            raise _bad("only whole stores are given; leave out returnActiveManifest")
        found = await service.lookups.ask(lambda registry: registry.find_manifest(manifest_id))
        if found is None:
            raise _nothing("manifest of this id")
        return Response(found[1].store, media_type="application/c2pa")


async def _matches(service: Service, alg: str, value: str) -> Response:
    _ = service.lookups.registry  # refused where there is none
    if alg != _algorithm(service):
        raise _bad(f"expected the algorithm {_algorithm(service)}, which is all that is known here")
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad("expected a value of base64") from error
    if len(raw) != BINDING_BYTES:
        raise _bad(f"expected a value of {BINDING_BYTES} bytes: key id and image id")
    key_id, image_id = raw[:KEY_ID_BYTES].hex(), raw[KEY_ID_BYTES:].hex()
    return JSONResponse(await _by_mark(service, key_id, image_id))


async def _by_mark(service: Service, key_id: str, image_id: str) -> dict[str, Any]:
    match = await service.lookups.ask(lambda registry: registry.find_mark(key_id, image_id))
    if match is None or match.withdrawn is not None or match.record.manifest_id is None:
        return {"matches": []}
    return {"matches": [{"manifestId": match.record.manifest_id, "similarityScore": 100}]}


def _algorithm(service: Service) -> str:
    """The name of our mark: the one filed, or our own assertion's."""
    return service.desk.publish.algorithm or MARK_LABEL


def _bad(message: str) -> Refusal:
    return Refusal("bad_request", message)


def _brief(match: "Match") -> dict[str, Any]:
    """What whoever may only look up is told of a record."""
    record, withdrawn = match.record, match.withdrawn
    return {
        "log_index": record.log_index,
        "by": match.by,
        "distance": match.distance,
        "created_at": record.created_at,
        "publisher": record.publisher,
        "withdrawn": None if withdrawn is None else withdrawn.created_at,
    }


def _texts(steps: tuple[bytes, ...] | list[bytes]) -> list[str]:
    return [base64.b64encode(step).decode("ascii") for step in steps]
