"""Pictures through the service: the same answers as the library gives, in the forms promised."""

import json

import numpy as np
import pytest
from serve_client import ASYNC, decoded, encoded, error_of, finished, send, serving, wait_until

from imuge.guard import Guard
from imuge.keys import Key, verify_only
from imuge.serve.coarse import coarse_mask
from imuge.serve.form_fields import verify_task
from imuge.serve.schema import Health, ImmunizedRecord, JobRecord, KeyList, VerdictRecord
from imuge.serve.tasks import perform

IMMUNIZE, VERIFY = "/v1/immunize", "/v1/verify"


def test_a_picture_is_immunized_and_verified(client, plain):
    answer = send(client, IMMUNIZE, plain, name="photo.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["content-disposition"] == 'attachment; filename="immunized.png"'
    assert float(answer.headers["imuge-psnr-db"]) > 30
    assert "imuge-warnings" not in answer.headers
    verdict = send(client, VERIFY, answer.content).json()
    VerdictRecord.model_validate(verdict)
    assert verdict["verdict"] == "intact"
    assert verdict["image_id"] == answer.headers["imuge-image-id"]
    assert verdict["key_id"] == answer.headers["imuge-key-id"]


def test_a_verdict_is_that_of_the_library(client, guard, tampered):
    answer = send(client, VERIFY, tampered, recover="false")
    assert answer.json() == json.loads(guard.verify(tampered, recover=False).to_json())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "media_type", "ending"),
    [("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp"), ("TIFF", "image/tiff", "tif")],
)
def test_the_format_can_be_chosen(client, plain, form, media_type, ending):
    # At the least size, JPEG leaves too little of this picture's mark at strength 1.
    answer = send(client, IMMUNIZE, plain, format=form, strength="1.5")
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"].endswith(f'immunized.{ending}"')
    assert decoded(answer.content).shape == (128, 160, 3)


@pytest.mark.slow
def test_wishes_reach_the_library(client, photograph):
    grey = encoded(photograph[:128, :160, 0])
    strong = send(client, IMMUNIZE, grey, strength="1.5", metadata="none")
    weak = send(client, IMMUNIZE, grey, strength="0.75")
    assert float(strong.headers["imuge-psnr-db"]) < float(weak.headers["imuge-psnr-db"]) - 3
    assert "grey" in " ".join(json.loads(strong.headers["imuge-warnings"]))


def test_what_is_protected_is_immunized_again_only_when_told(client, protected):
    answer = send(client, IMMUNIZE, protected)
    assert (answer.status_code, error_of(answer)) == (422, "protection")
    assert send(client, IMMUNIZE, protected, replace="true").status_code == 200


@pytest.mark.slow
def test_an_immunize_job_keeps_its_record_and_its_file(client, plain):
    answer = send(client, IMMUNIZE, plain, headers=ASYNC)
    record = finished(client, answer)
    JobRecord.model_validate(record)
    made = ImmunizedRecord.model_validate(record["result"])
    assert (record["kind"], record["state"], record["progress"]) == ("immunize", "done", 1)
    assert (record["position"], record["step"], record["error"]) == (0, None, None)
    assert made.verdict.verdict == "intact"
    assert record["files"] == ["immunized", "receipt"]
    file = client.get(f"{answer.headers['location']}/files/immunized")
    assert file.headers["content-type"] == "image/png"
    assert send(client, VERIFY, file.content).json()["image_id"] == made.image_id


@pytest.mark.slow
def test_a_verify_job_keeps_the_evidence(client, guard, tampered):
    answer = send(client, VERIFY, tampered, headers=ASYNC, hidden_copy="true", name="secret.png")
    record = finished(client, answer)
    JobRecord.model_validate(record)
    assert record["result"]["verdict"] == "tampered"
    assert record["files"] == ["report", "mask", "overlay", "recovered", "hidden-copy"]
    files = {
        name: client.get(f"{answer.headers['location']}/files/{name}") for name in record["files"]
    }
    mask = guard.verify(tampered, recover=False).mask
    np.testing.assert_array_equal(decoded(files["mask"].content)[..., 0] == 255, mask)
    report = files["report"]
    assert report.headers["content-disposition"] == 'attachment; filename="report.html"'
    assert "<script" not in report.text
    assert "secret" not in report.text
    assert files["recovered"].headers["content-type"] == "image/png"


@pytest.mark.parametrize("coarse", [False, True])
def test_what_was_cut_away_from_a_part_is_evidence_for_who_sees_all(guard, immunized, coarse):
    part = encoded(np.ascontiguousarray(immunized.image[:236]))
    task = verify_task({"uncrop": "true"}, coarse=coarse, files=True, max_pixels=10**6)
    names = [file.name for file in perform(guard, task, part).files]
    assert ("uncropped" in names) != coarse


def test_a_sound_picture_has_no_reconstruction(client, protected):
    answer = send(client, VERIFY, protected, headers=ASYNC)
    assert finished(client, answer)["files"] == ["report", "mask", "overlay"]
    missing = client.get(f"{answer.headers['location']}/files/recovered")
    assert (missing.status_code, error_of(missing)) == (404, "not_found")


def test_a_failed_job_says_why(client):
    answer = send(client, VERIFY, b"no picture at all", headers=ASYNC)
    record = finished(client, answer)
    JobRecord.model_validate(record)
    assert (record["state"], record["error"]["code"]) == ("failed", "unsupported_media")


def test_a_deleted_job_is_gone(client, protected):
    answer = send(client, VERIFY, protected, headers=ASYNC)
    finished(client, answer)
    job = answer.headers["location"]
    held = client.service.jobs.held_bytes
    assert client.delete(job).status_code == 204
    for gone in (client.get(job), client.get(f"{job}/files/mask"), client.delete(job)):
        assert (gone.status_code, error_of(gone)) == (404, "not_found")
    assert client.service.jobs.held_bytes < held


def test_health_and_keys_say_what_there_is(client, guard, key):
    health = Health.model_validate(client.get("/health").json())
    assert health.model_sha256 == guard.engine.sha256
    assert health.roles == ["verify-coarse", "verify", "immunize"]
    listed = KeyList.model_validate(client.get("/v1/keys").json())
    assert [(k.id, k.name, k.can_immunize) for k in listed.keys] == [(key.key_id, "test", True)]


@pytest.mark.slow
def test_another_key_can_be_named(guard, key, plain):
    other = Key.from_secret("other", bytes(range(1, 33)))
    reader = verify_only(Key.from_secret("reader", bytes(range(2, 34))))
    with serving(Guard([key, other, reader], engine=guard.engine)) as client:
        made = send(client, IMMUNIZE, plain, key=other.key_id)
        assert made.headers["imuge-key-id"] == other.key_id
        assert send(client, VERIFY, made.content).json()["key_name"] == "other"
        for wrong, said in (("00000000", "/v1/keys"), (reader.key_id, "verify-only")):
            answer = send(client, IMMUNIZE, plain, key=wrong)
            assert (answer.status_code, error_of(answer)) == (422, "invalid_request")
            assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        (IMMUNIZE, {"strength": "9"}),
        (IMMUNIZE, {"strength": "nan"}),
        (IMMUNIZE, {"strength": "١"}),
        (IMMUNIZE, {"format": "GIF"}),
        (IMMUNIZE, {"metadata": "all"}),
        (IMMUNIZE, {"replace": "yes"}),
        (IMMUNIZE, {"weights": "/etc/passwd"}),
        (IMMUNIZE, {"url": "http://127.0.0.1/"}),
        (IMMUNIZE, {"strength": ["1", "2"]}),
        (IMMUNIZE, {"detail": "coarse"}),
        (VERIFY, {"search": "wide"}),
        (VERIFY, {"recover": "1"}),
        (VERIFY, {"key": "00000000"}),
    ],
)
def test_a_wish_that_cannot_be_is_refused(client, plain, route, fields):
    answer = send(client, route, plain, **fields)
    assert (answer.status_code, error_of(answer)) == (422, "invalid_request")
    assert next(iter(fields)) in answer.json()["error"]["message"]


@pytest.mark.slow
def test_the_log_tells_hashes_and_never_names(client, guard, tampered):
    answer = send(client, VERIFY, tampered, name="Ms Whistleblower.png")
    request_id = answer.headers["request-id"]

    def told():
        found = [record for record in client.records if record["request_id"] == request_id]
        return found if len(found) == 2 else None

    job, request = wait_until(told, "both lines")
    verdict = guard.verify(tampered, recover=False)
    for record in (job, request):
        assert record["input_sha256"] == verdict.input_sha256
        assert (record["verdict"], record["image_id"]) == ("tampered", verdict.image_id)
        assert "Whistleblower" not in json.dumps(record)
    assert (request["route"], request["status"], request["token"]) == (VERIFY, 200, None)
    assert request["bytes_in"] > len(tampered)


def test_metrics_count_what_was_done(client, protected):
    def counted(line):
        found = [row for row in client.get("/metrics").text.splitlines() if row.startswith(line)]
        return float(found[0].rsplit(" ", 1)[1]) if found else 0.0

    line = 'imuge_jobs_total{kind="verify",state="done"}'
    before = counted(line)
    send(client, VERIFY, protected)
    assert counted(line) == before + 1
    assert counted('imuge_requests_total{method="POST",route="/v1/verify",status="200"}') >= 1
    assert counted("process_resident_memory_bytes") > 1e6


def test_the_coarse_mask_tells_blocks_and_three_levels():
    mask = np.zeros((70, 100), bool)
    mask[0, 0] = True  # one pixel of a block
    mask[:16, 32:64] = True  # half of one
    mask[64:, 96:] = True  # all that the picture's edge leaves of one
    assert coarse_mask(mask) == [[1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 2]]
