"""What only a server can do: go away, refuse, and have users with fewer rights."""

import pytest
from postgres_server import PASSWORD
from registry_samples import NAME, picture

from imuge.errors import RegistryError
from imuge.registry import Registry

CREATES = "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO"


@pytest.fixture
def registry(postgres_url, tmp_path):
    key = tmp_path / "registry.key"
    with Registry.create(postgres_url, name=NAME, key_file=key) as made:
        yield made


def test_a_server_that_goes_away_and_comes_back(registry, postgres):
    registry.publish(picture(0))
    postgres.stop()
    try:
        with pytest.raises(RegistryError) as caught:
            registry.publish(picture(1))
        assert "does not answer" in str(caught.value) or "connection failed" in str(caught.value)
        with pytest.raises(RegistryError, match="does not answer"):
            Registry.open(postgres.url(registry.address.shown.rpartition("/")[2]))
    finally:
        postgres.start()
    assert registry.publish(picture(1)).record.log_index == 1
    assert registry.audit().sound


def test_a_user_who_may_only_insert_publishes_and_cannot_withdraw(registry, postgres, tmp_path):
    database = registry.address.shown.rpartition("/")[2]
    registry.publish(picture(0))
    postgres.sql(f"DROP ROLE IF EXISTS desk; CREATE ROLE desk LOGIN PASSWORD '{PASSWORD}'")
    postgres.sql(f"{CREATES} desk", database)
    with Registry.open(postgres.url(database, "desk"), key_file=tmp_path / "registry.key") as desk:
        assert desk.publish(picture(1)).record.log_index == 1
        desk.checkpoint()
        with pytest.raises(RegistryError, match="this user may not do that"):
            desk.withdraw(0)
        assert desk.audit().sound
        assert desk.show().size == 2
    postgres.sql("DROP OWNED BY desk; DROP ROLE desk", database)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("127.0.0.1", "no-such-host.invalid"), "does not answer"),
        (("owner", "nobody"), "user name or password is wrong"),
        (("p%40ss", "wrong"), "user name or password is wrong"),
        (("/registry", "/nothing"), "no such database"),
    ],
)
def test_no_message_shows_the_password(registry, postgres_url, change, says):
    url = change[1].join(postgres_url.rsplit(change[0], 1))
    assert url != postgres_url
    with pytest.raises(RegistryError, match=says) as caught:
        Registry.open(url)
    error = caught.value
    shown = " ".join([str(error), repr(error), repr(error.__cause__), repr(error.__context__)])
    for secret in (PASSWORD, "p%40ss", "wrong %", PASSWORD[-8:]):
        assert secret not in shown
    assert PASSWORD not in repr(registry.address) + repr(registry.show())
