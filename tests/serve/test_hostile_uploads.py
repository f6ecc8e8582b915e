"""Files made to hurt: each is refused in the one shape, and the service goes on."""

import struct
import zlib

import httpx
import pytest
from serve_client import encoded, error_of, send, serving

from imuge.serve.limits import Limits

VERIFY = "/v1/verify"
PNG = b"\x89PNG\r\n\x1a\n"
BOUNDARY = "frontier"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture(scope="module")
def workshop(settings):
    """A service with a worker process of the usual limits."""
    limits = Limits(jobs_per_minute=0, requests_per_minute=0)
    with serving(settings, limits) as client:
        yield client


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(width, height, content, *, depth=8, colour=2):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + content + chunk(b"IEND", b"")


def bomb(size):
    """Zeros that unpack to `size` bytes, in a thousandth of them."""
    return zlib.compress(bytes(size), 9)


HOSTILE = {
    "empty": (b"", "unprocessable"),
    "words": (b"hello", "unsupported_media"),
    "page": (b"<html><script>alert(1)</script></html>", "unsupported_media"),
    "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_media"),
    "gif": (b"GIF89a" + bytes(100), "unsupported_media"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_media"),
    "signature alone": (PNG, "unprocessable"),
    "no data": (png(160, 160, b""), "unprocessable"),
    "more data than pixels": (png(160, 160, chunk(b"IDAT", bomb(50_000_000))), None),
    "a text that unpacks": (
        png(160, 160, chunk(b"zTXt", b"a\0\0" + bomb(100_000_000)) + chunk(b"IDAT", bomb(10))),
        "unprocessable",
    ),
    "a profile that unpacks": (
        png(160, 160, chunk(b"iCCP", b"a\0\0" + bomb(100_000_000)) + chunk(b"IDAT", bomb(10))),
        "unprocessable",
    ),
    "sixteen bits": (png(160, 160, chunk(b"IDAT", bomb(10)), depth=16), "unprocessable"),
    "no pixels": (png(0, 160, chunk(b"IDAT", bomb(10))), "unprocessable"),
    "too small": (png(16, 16, chunk(b"IDAT", bomb(10))), "unprocessable"),
    "too wide": (png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", bomb(10))), "too_large"),
    "cut-off jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "unprocessable"),
    "endless tiff": (b"II*\0\x08\0\0\0\x01\0" + bytes(11) + b"\x08\0\0\0", "unprocessable"),
    "webp without pictures": (b"RIFF\x04\0\0\0WEBP", "unprocessable"),
    "avif without pictures": (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "unprocessable"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(workshop, name):
    data, code = HOSTILE[name]
    before = workshop.service.workers[0].pid
    answer = send(workshop, VERIFY, data)
    if code is None:  # a decoder may as well ignore what is too much
        assert answer.status_code in {200, 422}
    else:
        assert error_of(answer) == code
    assert answer.status_code < 500
    assert workshop.service.workers[0].pid == before, "its worker was lost"


def test_every_cut_of_a_picture_is_refused(workshop, photograph):
    whole = encoded(photograph[:128, :128], "WEBP")
    for share in (0.1, 0.5, 0.9):
        answer = send(workshop, VERIFY, whole[: int(len(whole) * share)])
        assert error_of(answer) == "unprocessable"


@pytest.mark.slow
def test_what_hangs_on_a_picture_is_not_carried_on(workshop, photograph):
    polyglot = encoded(photograph[:192, :224], "JPEG", quality=95) + b"PK\x03\x04<script>payload"
    made = send(workshop, "/v1/immunize", polyglot, name="a.html")
    assert made.headers["content-type"] == "image/jpeg"
    assert b"payload" not in made.content


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a" * 5000, "\u202egnp.exe", "a\0b", "'; rm -rf /", "é.png", ""],
)
def test_a_file_may_be_called_anything(workshop, protected, name):
    name = name.encode("utf-8").decode("latin-1")
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    body = f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode("latin-1")
    body += protected + f"\r\n--{BOUNDARY}--\r\n".encode()
    answer = workshop.post(VERIFY, content=body, headers=MULTIPART)
    if answer.status_code == 200:
        assert answer.json()["verdict"] == "intact"
    else:
        assert (answer.status_code, error_of(answer)) == (400, "bad_request")


def part(disposition, content=b"x"):
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + content + b"\r\n"


FILE = 'form-data; name="file"; filename="a"'
END = f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_request"),
        (b"junk", "bad_request"),
        (END, "invalid_request"),
        (part(FILE), "bad_request"),  # without an end
        (part(FILE) + part(FILE) + END, "bad_request"),
        (part('form-data; name="other"; filename="a"') + END, "invalid_request"),
        (part('form-data; name="file"') + END, "unsupported_media"),  # a picture needs no name
        (part(FILE + "\r\nContent-Transfer-Encoding: base64") + END, "bad_request"),
        (part("form-data") + END, "bad_request"),
        (part('form-data; name="a"') * 5000 + END, "invalid_request"),
        (part('form-data; name="recover"') * 2 + END, "invalid_request"),
        (part('form-data; name="recover"', bytes(2000)) + part(FILE) + END, "bad_request"),
        (part('form-data; name="' + "n" * 3000 + '"') + part(FILE) + END, "invalid_request"),
        (part('form-data; name="a"\r\n' + "X: y\r\n" * 5000 + "Z: z") + END, "bad_request"),
    ],
)
def test_a_hostile_form_is_refused(workshop, body, code):
    answer = workshop.post(VERIFY, content=body, headers=MULTIPART)
    assert error_of(answer) == code
    assert len(answer.text) < 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    "disposition",
    [
        "form-data; name=\"file\"; filename*=utf-8''%E5%9B%BE.png",
        'form-data; name="file"; filename="x"; filename*=UTF-8\'\'%E5%9B%BE.png',
        'form-data; name="file"',
        "form-data; name=file; filename=a.png",
    ],
)
def test_a_file_may_be_named_in_any_way_or_not_at_all(workshop, protected, disposition):
    body = part(disposition, protected) + END
    answer = workshop.post(VERIFY, content=body, headers=MULTIPART)
    assert (answer.status_code, answer.json()["verdict"]) == (200, "intact")


def test_a_file_in_another_field_is_told_so_by_either_name(workshop):
    for name in ('filename="a"', "filename*=utf-8''a"):
        body = part(f'form-data; name="image"; {name}') + END
        answer = workshop.post(VERIFY, content=body, headers=MULTIPART)
        assert error_of(answer) == "invalid_request"
        assert "another field" in answer.json()["error"]["message"]


def test_a_jpeg_of_very_many_scans_is_refused(workshop, photograph):
    progressive = encoded(photograph[:128, :160], "JPEG", progressive=True)
    assert send(workshop, VERIFY, progressive).json()["verdict"] == "unprotected"
    start = progressive.rindex(b"\xff\xda")  # the last scan, over and over
    many = progressive[:-2] + progressive[start:-2] * 200 + progressive[-2:]
    answer = send(workshop, VERIFY, many)
    assert error_of(answer) == "unprocessable"
    assert "scans" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "kind",
    ["image/png", "application/json", "application/x-www-form-urlencoded", "", "multipart/mixed"],
)
def test_a_body_of_another_type_is_refused(workshop, kind):
    answer = workshop.post(VERIFY, content=b'{"url": "http://x/"}', headers={"Content-Type": kind})
    assert (answer.status_code, error_of(answer)) == (415, "unsupported_media")


def test_a_form_without_a_boundary_is_refused(workshop):
    kind = {"Content-Type": "multipart/form-data"}
    answer = workshop.post(VERIFY, content=b"x", headers=kind)
    assert (answer.status_code, error_of(answer)) == (400, "bad_request")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2f..%2fapp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/",
        "/v1/jobs/..%2f..%2fhealth",
        "/v1/jobs/x/files/..%2f..%2fmask",
        "/docs",
        "/redoc",
    ],
)
def test_paths_lead_nowhere_else(workshop, path):
    url = httpx.URL(str(workshop.base_url)).copy_with(raw_path=path.encode())
    answer = workshop.get(url)
    assert (answer.status_code, error_of(answer)) == (404, "not_found")


def test_the_page_is_served_and_known_again(workshop):
    page = workshop.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    again = workshop.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
