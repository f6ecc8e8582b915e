"""Two routes for a FastAPI application: `uvicorn web_route:app`, in the folder of this file.

The networks are loaded once. FastAPI runs plain functions in threads, so the event loop goes on
while a picture is computed; a lock keeps it to one picture at a time, which uses all processors.
`imuge serve` is a whole service, with limits, tokens and a page.
"""

from functools import cache
from threading import Lock
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Response, UploadFile
from fastapi.params import File

from imuge import Guard, ImageError, ProtectionError

MOST_BYTES = 50_000_000

app = FastAPI(title="Pictures with proof")
one_at_a_time = Lock()


@cache
def guard() -> Guard:
    """The guard of the key named `default`, made when the first picture comes."""
    return Guard()


def read(upload: UploadFile) -> bytes:
    """The uploaded file, if it is not too large."""
    content = upload.file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise HTTPException(413, f"at most {MOST_BYTES // 1_000_000} MB a picture are taken")
    return content


@app.post("/publish")
def publish(picture: Annotated[UploadFile, File()]) -> Response:
    """The picture, immunized, in the format it came in."""
    content = read(picture)
    try:
        with one_at_a_time:
            made = guard().immunize(content)
    except ProtectionError as error:
        raise HTTPException(409, str(error)) from error
    except ImageError as error:
        raise HTTPException(422, str(error)) from error
    return Response(
        made.image, media_type="application/octet-stream", headers={"X-Image-Id": made.image_id}
    )


@app.post("/check")
def check(picture: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """The verdict as `imuge verify --json` prints it."""
    content = read(picture)
    try:
        with one_at_a_time:
            return guard().verify(content, recover=False).to_dict()
    except ImageError as error:
        raise HTTPException(422, str(error)) from error
