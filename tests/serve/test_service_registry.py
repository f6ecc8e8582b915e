"""A service with a registry: who may ask what, signed answers, the C2PA's look-ups, publishing."""

import base64
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from serve_client import (
    ASYNC,
    WAIT_S,
    decoded,
    encoded,
    error_of,
    finished,
    send,
    serving,
    wait_until,
)

from imuge.provenance import read
from imuge.registry import (
    Receipt,
    Registry,
    VerifierKey,
    answers,
    verify_receipt,
)
from imuge.registry.merkle import consistent, included
from imuge.serve import lookups, schema
from imuge.serve.tokens import new_token, write_tokens

NAME = "registry.example.org/service"
RECORDS = 5
ROLES = ("verify-coarse", "verify", "immunize")
ALG = "org.imuge.mark"


def binding(number):
    return base64.b64encode(bytes.fromhex(f"0123abcd{number:012x}")).decode()


@pytest.fixture(scope="module")
def service(guard, desk, tmp_path_factory):
    """A client, and the headers of each role."""
    path = tmp_path_factory.mktemp("api") / "tokens.json"
    made = {role: new_token(role, role) for role in ROLES}
    write_tokens(path, tuple(token for _, token in made.values()))
    with serving(guard, tokens=path, desk=desk) as client:
        client.roles = {
            role: {"Authorization": f"Bearer {text}"} for role, (text, _) in made.items()
        }
        yield client


def test_anybody_gets_key_and_log(service, place):
    found = service.get("/v1/registry").json()
    schema.RegistryFacts.model_validate(found)
    key = VerifierKey.parse(found["verifier_key"])
    assert key == place.verifier
    assert key.checkpoint(found["checkpoint"]).size == found["size"] >= RECORDS + 1


def test_anybody_gets_proofs_that_hold(service, place):
    found = service.get("/v1/registry/proofs/2").json()
    schema.InclusionProof.model_validate(found)
    checkpoint = place.verifier.checkpoint(found["checkpoint"])
    steps = [base64.b64decode(step) for step in found["proof"]]
    leaf = place.record(2).record.leaf
    assert included(leaf, 2, checkpoint.size, steps, checkpoint.root)
    old = place.verifier.checkpoint(service.get("/v1/registry").json()["checkpoint"])
    answer = service.get("/v1/registry/consistency", params={"old": 3, "new": old.size}).json()
    steps = [base64.b64decode(step) for step in answer["proof"]]
    three = Receipt.parse(json.dumps(_receipt_of_three(place)).encode())
    first = place.verifier.checkpoint(three.checkpoint)
    assert consistent(3, old.size, first.root, old.root, steps)


def _receipt_of_three(place):
    """What was given when the log had three records, made again from the tree."""
    from imuge.registry import log, merkle
    from imuge.registry.notes import Checkpoint

    with place._database.read() as connection:
        root = log.ask(connection, lambda fetch: merkle.root(3, fetch))
    note = place._key().sign(Checkpoint(NAME, 3, root).text)
    return place.receipt(2).to_dict() | {"checkpoint": note}


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/v1/registry/records/0", "verify"),
        ("/v1/registry/find?sha256=" + "0" * 64, "verify-coarse"),
        (f"/c2pa/matches/byBinding?alg={ALG}&value={binding(0)}", "verify-coarse"),
        ("/c2pa/manifests/urn:c2pa:" + "0" * 32, "verify-coarse"),
    ],
)
def test_each_role_sees_what_it_may(service, path, role):
    assert service.get(path).status_code == 401
    for other in ROLES:
        answer = service.get(path, headers=service.roles[other])
        assert answer.status_code == (200 if ROLES.index(other) >= ROLES.index(role) else 403)


def test_answers_are_signed_the_empty_one_too(service, place):
    coarse = service.roles["verify-coarse"]
    for content, wanted in ((b"file 1", [(1, "file")]), (b"never", [])):
        query = {"sha256": hashlib.sha256(content).hexdigest()}
        found = service.get("/v1/registry/find", params=query, headers=coarse).json()
        schema.SignedAnswer.model_validate(found)
        signed = answers.read(place.verifier, found.pop("note"))
        assert signed == found
        assert found["query"] == query
        assert [(m["log_index"], m["by"]) for m in found["answer"]["matches"]] == wanted
        assert found["checkpoint"]["size"] == place.show().size
    assert "image_id" not in json.dumps(found)


def test_an_original_is_found_as_often_as_it_was_published_and_asked(service):
    query = {"sha256": hashlib.sha256(b"original").hexdigest(), "maxResults": 2}
    found = service.get(
        "/v1/registry/find", params=query, headers=service.roles["verify-coarse"]
    ).json()
    assert [match["by"] for match in found["answer"]["matches"]] == ["original"] * 2


def test_likeness_finds_with_its_distance(service):
    pdq = bytearray(np.random.default_rng(2).bytes(32))
    pdq[0] ^= 0b111
    headers = service.roles["verify-coarse"]
    found = service.get("/v1/registry/find", params={"pdq": pdq.hex()}, headers=headers).json()
    assert [(m["log_index"], m["distance"]) for m in found["answer"]["matches"]] == [(2, 3)]


@pytest.mark.parametrize(
    "query", [{}, {"sha256": "0" * 64, "pdq": "0" * 64}, {"sha256": "0"}, {"pdq": "G" * 64}]
)
def test_a_wrong_query_is_refused(service, query):
    answer = service.get("/v1/registry/find", params=query, headers=service.roles["verify-coarse"])
    assert (answer.status_code, error_of(answer)) == (422, "invalid_request")


def test_a_record_comes_with_a_receipt_that_holds(service, place):
    found = service.get("/v1/registry/records/1", headers=service.roles["verify"]).json()
    schema.RecordFacts.model_validate(found)
    receipt = Receipt.parse(json.dumps(found["receipt"]).encode())
    checked = verify_receipt(receipt, place.verifier, file=b"file 1")
    assert checked.record.to_dict() == found["record"]
    gone = service.get(f"/v1/registry/records/{RECORDS - 1}", headers=service.roles["verify"])
    assert gone.json()["withdrawn"] is not None
    answer = service.get("/v1/registry/records/999", headers=service.roles["verify"])
    assert (answer.status_code, error_of(answer)) == (404, "not_found")


def test_a_soft_binding_leads_to_its_manifest(service):
    headers = service.roles["verify-coarse"]
    assert service.get("/c2pa/services/supportedAlgorithms").json() == {
        "watermarks": [{"alg": ALG}],
        "fingerprints": [],
    }
    query = {"alg": ALG, "value": binding(2)}
    found = service.get("/c2pa/matches/byBinding", params=query, headers=headers).json()
    assert found == service.post("/c2pa/matches/byBinding", json=query, headers=headers).json()
    (match,) = found["matches"]
    store = service.get(f"/c2pa/manifests/{match['manifestId']}", headers=headers)
    assert (store.content, store.headers["content-type"]) == (b"store 2", "application/c2pa")
    # Never recorded, without a manifest, withdrawn.
    for number in (77, 3, RECORDS - 1):
        query["value"] = binding(number)
        answer = service.get("/c2pa/matches/byBinding", params=query, headers=headers)
        assert answer.json() == {"matches": []}


@pytest.mark.parametrize(
    ("alg", "value"), [("other", binding(0)), (ALG, "%%%"), (ALG, "QUJD"), (ALG, "")]
)
def test_a_binding_of_another_kind_is_a_bad_request(service, alg, value):
    headers, query = service.roles["verify-coarse"], {"alg": alg, "value": value}
    for answer in (
        service.get("/c2pa/matches/byBinding", params=query, headers=headers),
        service.post("/c2pa/matches/byBinding", json=query, headers=headers),
    ):
        assert (answer.status_code, error_of(answer)) == (400, "bad_request")


def test_a_body_that_is_no_query_is_refused_before_it_is_all_read(service):
    headers = service.roles["verify-coarse"]
    answer = service.post("/c2pa/matches/byBinding", content=b"{" * 9999, headers=headers)
    assert (answer.status_code, error_of(answer)) == (413, "too_large")
    answer = service.post("/c2pa/matches/byBinding", json={"alg": ALG}, headers=headers)
    assert (answer.status_code, error_of(answer)) == (400, "bad_request")


def test_a_registry_that_is_away_is_named_to_the_operator_alone(service, monkeypatch):
    from imuge.errors import RegistryError

    def away(*_):
        raise RegistryError("the registry postgresql://db.internal/pictures failed")

    monkeypatch.setattr(Registry, "head", away)
    answer = service.get("/v1/registry")
    assert (answer.status_code, error_of(answer)) == (503, "unavailable")
    assert "internal" not in answer.text
    assert any("db.internal" in str(record) for record in service.records)


def test_questions_do_not_pile_up_before_a_database_that_hangs(service, monkeypatch):
    hangs, asked = threading.Event(), []

    def slow(*_):
        asked.append(1)
        assert hangs.wait(WAIT_S)
        return 0, ""

    monkeypatch.setattr(Registry, "head", slow)
    monkeypatch.setattr(lookups, "MOST_WAITING", 3)
    with ThreadPoolExecutor(3) as pool:
        try:
            waiting = [pool.submit(service.get, "/v1/registry") for _ in range(3)]
            wait_until(lambda: len(asked) == 3, "three questions")
            answer = service.get("/v1/registry")
            assert (answer.status_code, error_of(answer)) == (429, "busy")
            assert service.get("/health").status_code == 200
        finally:
            hangs.set()
        assert [each.result().status_code for each in waiting] == [200] * 3


def test_without_a_registry_there_is_none(client):
    for path in ("/v1/registry", "/v1/registry/proofs/0", "/c2pa/services/supportedAlgorithms"):
        answer = client.get(path)
        assert (answer.status_code, error_of(answer)) == (404, "not_found")


@pytest.fixture(scope="module")
def published(service, plain):
    """The record of a job that published a picture, and its files."""
    headers = service.roles["immunize"] | ASYNC
    answer = send(service, "/v1/immunize", plain, headers=headers, note="front page")
    service.headers.update(service.roles["immunize"])
    record = finished(service, answer)
    assert record["state"] == "done", record
    files = {
        name: service.get(f"{answer.headers['location']}/files/{name}").content
        for name in record["files"]
    }
    del service.headers["authorization"]
    return record["result"], files


@pytest.mark.slow
def test_what_is_immunized_is_signed_recorded_and_has_its_receipt(published, place, desk):
    record, files = published
    schema.ImmunizedRecord.model_validate(record)
    checked = verify_receipt(
        Receipt.parse(files["receipt"]), place.verifier, file=files["immunized"]
    )
    assert checked.record.log_index == record["log_index"]
    assert (checked.record.publisher, checked.record.note) == ("The Example Times", "front page")
    assert checked.record.image_id == record["image_id"]
    anchors = Path(desk.ask.anchors).read_bytes()
    assert read(files["immunized"], anchors).manifest == "trusted"


@pytest.mark.slow
def test_a_copy_is_told_who_published_it(service, published):
    record, files = published
    pixels = encoded(decoded(files["immunized"]))  # stripped of all metadata
    headers = service.roles["verify"]
    verdict = send(service, "/v1/verify", pixels, headers=headers).json()
    schema.VerdictRecord.model_validate(verdict)
    told = verdict["provenance"]
    assert (told["registry"], told["reference"], told["manifest"]) == (
        "found",
        "agrees",
        "recovered",
    )
    assert told["record"]["log_index"] == record["log_index"]
    assert "Published by The Example Times" in told["sentences"][0]
    coarse = send(service, "/v1/verify", pixels, headers=service.roles["verify-coarse"]).json()
    schema.CoarseVerdict.model_validate(coarse)
    match = service.post(
        "/c2pa/matches/byContent", content=pixels, headers=service.roles["verify-coarse"]
    ).json()
    assert match["matches"][0]["manifestId"] == told["record"]["manifest_id"]


@pytest.mark.slow
def test_without_a_registry_the_receipt_is_a_note(client, plain):
    answer = send(client, "/v1/immunize", plain, headers=ASYNC)
    record = finished(client, answer)
    assert (record["files"], record["result"]["log_index"]) == (["immunized", "receipt"], None)
    facts = client.get(f"{answer.headers['location']}/files/receipt").json()
    made = client.get(f"{answer.headers['location']}/files/immunized").content
    assert facts["schema"] == "imuge.sidecar/1"
    assert facts["record"]["sha256_published"] == hashlib.sha256(made).hexdigest()
