"""What travels to workers opens there what was meant, or refuses."""

from contextlib import ExitStack
from dataclasses import asdict

import pytest

from imuge.errors import ConfigError, KeyFileError, ProvenanceError, RegistryError
from imuge.registry import Registry
from imuge.serve.desk import DeskSettings
from imuge.trust.options import AskOptions, PublishOptions, name_registry, open_registry

NAME = "registry.example.org/options"


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("IMUGE_REGISTRY_URL", str(tmp_path / "registry.sqlite"))
    with Registry.create(name=NAME) as made:
        yield made


def test_the_registry_is_named_by_its_key(registry):
    assert name_registry(records=True) == str(registry.verifier)
    with open_registry(name_registry(records=False)) as found:
        assert found.verifier == registry.verifier


def test_another_registry_is_refused(registry, tmp_path, monkeypatch):
    meant = str(registry.verifier)
    monkeypatch.setenv("IMUGE_REGISTRY_URL", str(tmp_path / "other.sqlite"))
    with Registry.create(name="registry.example.org/other"), ExitStack() as stack:
        for options in (PublishOptions(registry=meant), AskOptions(registry=meant)):
            with pytest.raises(ConfigError, match=f"expected the registry {NAME} and found"):
                options.open(stack)


def test_who_cannot_sign_can_ask_and_not_record(registry):
    registry.address.key_file.unlink()
    with pytest.raises(KeyFileError):
        name_registry(records=True)
    with ExitStack() as stack:
        asked = AskOptions(registry=name_registry(records=False)).open(stack)
        assert asked.registry is not None


def test_without_a_registry_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("IMUGE_REGISTRY_URL", str(tmp_path / "none.sqlite"))
    with pytest.raises(RegistryError, match="imuge registry init"):
        name_registry(records=False)


def test_terms_and_sources_are_what_was_asked(registry, certificates, anchors):
    _, chain, key = certificates
    publish = PublishOptions(
        registry=str(registry.verifier),
        publisher="The Example Times",
        thumbnail=True,
        chain=str(chain),
        key=str(key),
        algorithm="com.example.mark",
    )
    ask = AskOptions(registry=str(registry.verifier), anchors=str(certificates[0]))
    settings = DeskSettings(publish=publish, ask=ask)
    assert DeskSettings.from_dict(settings.to_dict()) == settings
    assert "PRIVATE KEY" not in str(asdict(settings))
    with ExitStack() as stack:
        terms, sources = settings.publish.open(stack), settings.ask.open(stack)
        assert (terms.publisher, terms.thumbnail) == ("The Example Times", True)
        assert terms.algorithm == "com.example.mark"
        assert terms.signer.name == "The Example Times"
        assert (sources.credentials, sources.anchors) == (True, anchors)
        assert terms.registry.verifier == sources.registry.verifier == registry.verifier


def test_nothing_asked_opens_nothing():
    with ExitStack() as stack:
        terms, sources = PublishOptions().open(stack), AskOptions().open(stack)
    assert (terms.registry, terms.signer, sources.registry) == (None, None, None)
    assert not sources.credentials
    assert not PublishOptions().anything
    assert not AskOptions().anything


def test_anchors_that_are_no_file(tmp_path):
    with ExitStack() as stack, pytest.raises(ConfigError, match="is none"):
        AskOptions(anchors=str(tmp_path)).open(stack)
    with pytest.raises(ProvenanceError):
        PublishOptions(chain=str(tmp_path / "no.pem"), key=str(tmp_path / "no.key")).signer()
