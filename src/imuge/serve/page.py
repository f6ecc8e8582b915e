"""The page at `/`: files of the package, read once, and served by exactly their names."""

import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response

from imuge.serve.refusals import Refusal

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".woff2": "font/woff2",
}


def static_files() -> dict[str, tuple[bytes, str]]:
    """Content and media type of every file below `static`, and of the sample, by its path there."""
    photograph = (resources.files("imuge") / "demo" / "beach.jpg").read_bytes()
    sample = {"sample.jpg": (photograph, MEDIA_TYPES[".jpg"])}
    return sample | dict(_walk(resources.files("imuge.serve") / "static", ""))


def _walk(folder: Traversable, before: str) -> list[tuple[str, tuple[bytes, str]]]:
    found = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        name = f"{before}{item.name}"
        if item.is_dir():
            found += _walk(item, f"{name}/")
        elif (media_type := MEDIA_TYPES.get(PurePosixPath(name).suffix)) is not None:
            found.append((name, (item.read_bytes(), media_type)))
    return found


def build_page_router() -> APIRouter:
    """The routes of the page; a path is looked up in a table and never on the disk."""
    router = APIRouter(include_in_schema=False)
    files = static_files()
    tags = {name: f'"{hashlib.sha256(data).hexdigest()[:32]}"' for name, (data, _) in files.items()}

    def answer(request: Request, name: str) -> Response:
        if name not in files:
            raise Refusal("not_found", "there is no such file; the page is at /")
        headers = {"ETag": tags[name]}
        if request.headers.get("if-none-match") == tags[name]:
            return Response(status_code=304, headers=headers)
        data, media_type = files[name]
        return Response(data, media_type=media_type, headers=headers)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return answer(request, "index.html")

    @router.api_route("/static/{name:path}", methods=["GET", "HEAD"])
    async def static(request: Request, name: str) -> Response:
        return answer(request, name)

    return router
