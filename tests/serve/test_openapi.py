"""The OpenAPI document, and a service that does what it says: schemathesis asks it at random."""

import json
import subprocess
import sys

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from serve_client import serving

from imuge.serve.limits import Limits
from imuge.serve.openapi import document
from imuge.serve.refusals import STATUS
from imuge.serve.tokens import new_token, write_tokens

TEXT = document()
DOCUMENT = json.loads(TEXT)
schema = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {
    "GET /health",
    "GET /metrics",
    "GET /v1/caller",
    "GET /v1/keys",
    "POST /v1/immunize",
    "POST /v1/verify",
    "GET /v1/jobs/{id}",
    "DELETE /v1/jobs/{id}",
    "GET /v1/jobs/{id}/files/{name}",
    "GET /v1/registry",
    "GET /v1/registry/proofs/{log_index}",
    "GET /v1/registry/consistency",
    "GET /v1/registry/find",
    "GET /v1/registry/records/{log_index}",
    "GET /c2pa/services/supportedAlgorithms",
    "GET /c2pa/matches/byBinding",
    "POST /c2pa/matches/byBinding",
    "POST /c2pa/matches/byContent",
    "GET /c2pa/manifests/{manifest_id}",
}


@pytest.fixture(scope="module")
def api(guard, desk, tmp_path_factory):
    """A service with a registry, tokens and room for small things; its client and a token."""
    path = tmp_path_factory.mktemp("api") / "tokens.json"
    text, token = new_token("robot", "immunize")
    write_tokens(path, (token,))
    limits = Limits(max_bytes=2**20, jobs_per_minute=0, requests_per_minute=0)
    with serving(guard, limits, tokens=path, desk=desk) as client:
        yield client, text


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_every_answer_is_as_the_document_says(case, api):
    client, token = api
    headers = {"Authorization": f"Bearer {token}"}
    # A schema can say "a file" and cannot say "a picture", nor which keys there are.
    left_out = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
    case.call_and_validate(base_url=str(client.base_url), headers=headers, excluded_checks=left_out)


def test_the_document_lists_every_operation_and_all_that_can_happen():
    found = {}
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            found[f"{method.upper()} {path}"] = operation
    assert found.keys() == OPERATIONS
    for name, operation in found.items():
        assert operation["summary"], name
        statuses = set(operation["responses"])
        assert {"400", "405", "429", "500"} <= statuses, name
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                shape = answer["content"]["application/json"]["schema"]
                assert shape == {"$ref": "#/components/schemas/ErrorShape"}, (name, status)
    work = found["POST /v1/immunize"]
    assert {"202", "401", "403", "408", "413", "415", "422", "503", "504"} <= set(work["responses"])
    form = work["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {
        "file",
        "strength",
        "detail",
        "format",
        "metadata",
        "replace",
        "key",
        "note",
    }


def test_the_codes_of_errors_are_a_closed_list():
    code = DOCUMENT["components"]["schemas"]["ErrorFacts"]["properties"]["code"]
    assert code["enum"] == list(STATUS)
    assert "HTTPValidationError" not in TEXT


def test_the_document_is_served_and_written(api, tmp_path):
    client, _ = api
    assert client.get("/openapi.json").json() == DOCUMENT
    out = tmp_path / "openapi.json"
    command = [sys.executable, "-m", "imuge.serve.openapi", "--out", out]
    subprocess.run(command, check=True, timeout=90)
    assert out.read_text() == TEXT
