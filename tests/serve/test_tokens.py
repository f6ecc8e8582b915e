"""API tokens: roles, the file that holds their hashes, and the command that makes them."""

import json

import numpy as np
import pytest
from serve_client import ASYNC, error_of, finished, send, serving
from typer.testing import CliRunner

from imuge.cli.app import app
from imuge.errors import ConfigError
from imuge.serve.limits import Limits
from imuge.serve.schema import CoarseVerdict
from imuge.serve.tokens import LADDER, hash_of, new_token, read_tokens, write_tokens

FREE = {"jobs_per_minute": 0, "requests_per_minute": 0}


def imuge(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """A file with a token of each role; gives the file, and the tokens by role."""
    path = tmp_path_factory.mktemp("tokens") / "tokens.json"
    made = {role: new_token(role, role) for role in (*LADDER, "metrics")}
    write_tokens(path, tuple(token for _, token in made.values()))
    return path, {role: text for role, (text, _) in made.items()}


@pytest.fixture(scope="module")
def guarded(guard, secrets):
    """A service with tokens."""
    with serving(guard, Limits(**FREE), tokens=secrets[0]) as client:
        yield client


def bearing(token):
    return {"Authorization": f"Bearer {token}"}


def test_without_a_token_only_health_is_told(guarded):
    assert guarded.get("/health").json()["roles"] == []
    assert guarded.get("/health").json()["auth"] == "token"
    for path in ("/v1/keys", "/v1/jobs/x", "/metrics"):
        answer = guarded.get(path)
        assert (answer.status_code, error_of(answer)) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "given", ["Bearer nonsense", "Bearer", "Basic abc", "Bearer ÿ", "x" * 9999]
)
def test_a_wrong_token_is_no_token(guarded, given):
    answer = guarded.get("/v1/keys", headers={"Authorization": given.encode("latin-1")})
    assert (answer.status_code, error_of(answer)) == (401, "unauthorized")


def test_a_wrong_token_is_refused_before_the_picture_is_read(guarded):
    answer = send(guarded, "/v1/verify", bytes(10**6), headers=bearing("wrong"))
    assert answer.status_code == 401
    assert guarded.records[-1]["bytes_in"] == 0


@pytest.mark.parametrize(
    ("role", "statuses"),
    [("verify-coarse", (200, 403)), ("verify", (200, 403)), ("immunize", (200, 200))],
)
def test_what_each_role_may(guarded, secrets, plain, protected, role, statuses):
    headers = bearing(secrets[1][role])
    verified = send(guarded, "/v1/verify", protected, headers=headers)
    immunized = send(guarded, "/v1/immunize", plain, headers=headers)
    assert (verified.status_code, immunized.status_code) == statuses
    coarse = verified.json()["schema"] == "imuge.verdict-coarse/1"
    assert coarse == (role == "verify-coarse")
    if immunized.status_code == 403:
        assert error_of(immunized) == "forbidden"
        assert role in immunized.json()["error"]["message"]


@pytest.mark.parametrize(
    ("role", "keys", "metrics"),
    [("verify-coarse", 403, 403), ("verify", 200, 403), ("immunize", 200, 403)],
)
def test_who_learns_of_keys_and_counts(guarded, secrets, role, keys, metrics):
    headers = bearing(secrets[1][role])
    assert guarded.get("/v1/caller", headers=headers).json() == {"name": role, "role": role}
    assert guarded.get("/v1/keys", headers=headers).status_code == keys
    assert guarded.get("/metrics", headers=headers).status_code == metrics


def test_the_role_metrics_reads_metrics_and_nothing_else(guarded, secrets, protected):
    headers = bearing(secrets[1]["metrics"])
    assert guarded.get("/metrics", headers=headers).status_code == 200
    for answer in (
        guarded.get("/v1/keys", headers=headers),
        guarded.get("/v1/jobs/x", headers=headers),
        send(guarded, "/v1/verify", protected, headers=headers),
    ):
        assert (answer.status_code, error_of(answer)) == (403, "forbidden")


@pytest.mark.slow
def test_the_coarse_answer_holds_nothing_finer(guarded, secrets, guard, tampered):
    headers = bearing(secrets[1]["verify-coarse"])
    plain = send(guarded, "/v1/verify", tampered, headers=headers, hidden_copy="true").json()
    verdict = guard.verify(tampered, recover=False)
    assert plain.keys() == {
        *("schema", "verdict", "sentence", "width", "height", "coarse_mask"),
    }
    assert plain["verdict"] == "tampered"
    assert set(np.unique(plain["coarse_mask"]["rows"])) <= {0, 1, 2}
    assert not [c for c in plain["sentence"] if c.isdigit()]
    assert verdict.sentence not in json.dumps(plain)
    job = send(guarded, "/v1/verify", tampered, headers={**headers, **ASYNC}, recover="true")
    location = job.headers["location"]
    guarded.headers.update(headers)
    try:
        record = finished(guarded, job)
        CoarseVerdict.model_validate(record["result"])
        assert (record["result"], record["files"]) == (plain, [])
        for name in ("recovered", "mask", "overlay", "report"):
            assert guarded.get(f"{location}/files/{name}").status_code == 404
    finally:
        del guarded.headers["Authorization"]


def test_a_job_is_its_tokens_own(guarded, secrets, protected):
    mine, other = bearing(secrets[1]["verify"]), bearing(secrets[1]["immunize"])
    job = send(guarded, "/v1/verify", protected, headers={**mine, **ASYNC}).headers["location"]
    assert guarded.get(job, headers=mine).status_code == 200
    for answer in (guarded.get(job, headers=other), guarded.delete(job, headers=other)):
        assert (answer.status_code, error_of(answer)) == (404, "not_found")
    assert guarded.delete(job, headers=mine).status_code == 204


def test_the_log_names_the_token_and_never_shows_it(guarded, secrets):
    text = secrets[1]["verify"]
    guarded.get("/v1/keys", headers=bearing(text))
    guarded.get("/health")  # by then the line before is written
    lines = json.dumps(guarded.records)
    assert '"token": "verify"' in lines
    assert text not in lines
    assert hash_of(text) not in lines


def test_a_tokens_rate_is_its_own(guard, secrets):
    limits = Limits(requests_per_minute=8, jobs_per_minute=0)  # four in one go
    with serving(guard, limits, tokens=secrets[0]) as client:
        headers = bearing(secrets[1]["verify"])
        statuses = [client.get("/v1/keys", headers=headers).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 200, 429]


def test_a_removed_token_is_refused_at_once_and_a_broken_file_lets_nobody_in(guard, tmp_path):
    path = tmp_path / "tokens.json"
    kept, lost = new_token("kept", "verify"), new_token("lost", "verify")
    write_tokens(path, (kept[1], lost[1]))
    with serving(guard, Limits(**FREE), tokens=path) as client:

        def statuses():
            pair = [client.get("/v1/keys", headers=bearing(text)) for text, _ in (kept, lost)]
            return [answer.status_code for answer in pair]

        assert statuses() == [200, 200]
        write_tokens(path, (kept[1],))
        assert statuses() == [200, 401]
        path.write_text("{")
        assert statuses() == [401, 401]
        assert "not a file of tokens" in json.dumps(client.records)
        path.unlink()
        assert statuses() == [401, 401]


def test_the_command_makes_lists_and_removes(tmp_path):
    path = tmp_path / "tokens.json"
    made = imuge("tokens", "new", "desk", "--file", path, "--role", "immunize")
    text = made.stdout.strip()
    assert made.exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert text not in path.read_text()
    assert [(t.name, t.role, t.sha256) for t in read_tokens(path)] == [
        ("desk", "immunize", hash_of(text))
    ]
    assert imuge("tokens", "new", "desk", "--file", path).exit_code == 2
    assert imuge("tokens", "new", "page", "--file", path).exit_code == 0
    assert imuge("tokens", "list", "--file", path).stdout.splitlines()[1].startswith("page  verify")
    assert imuge("tokens", "remove", "desk", "--file", path).exit_code == 0
    assert imuge("tokens", "remove", "desk", "--file", path).exit_code == 2
    assert [token.name for token in read_tokens(path)] == ["page"]


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden", "x" * 65])
def test_a_token_needs_a_plain_name(name):
    with pytest.raises(ConfigError, match="cannot name a token"):
        new_token(name, "verify")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not a file of tokens"),
        ('{"version": 2, "tokens": []}', "not a file of tokens"),
        ('{"version": 1, "tokens": [{"name": "a", "token": "plain"}]}', "not a file of tokens"),
    ],
)
def test_a_wrong_file_is_refused_and_its_content_not_shown(tmp_path, content, said):
    path = tmp_path / "tokens.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=said) as error:
        read_tokens(path)
    assert "plain" not in str(error.value)


def test_a_file_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "tokens.json"
    write_tokens(path, (new_token("a", "verify")[1],))
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_tokens(path)


def test_two_tokens_of_one_name_are_refused(tmp_path):
    path = tmp_path / "tokens.json"
    write_tokens(path, (new_token("a", "verify")[1], new_token("a", "immunize")[1]))
    with pytest.raises(ConfigError, match="two tokens of one name"):
        read_tokens(path)
