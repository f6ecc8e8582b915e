"""The names that other people's programs rely on."""

import tomllib
from pathlib import Path

import imuge

PUBLIC = [
    "ConfigError",
    "Guard",
    "ImageError",
    "Immunized",
    "ImugeError",
    "KeyFileError",
    "ProtectionError",
    "Region",
    "TooLargeError",
    "UnsupportedError",
    "Verdict",
    "WeightsError",
    "__version__",
]


def test_the_public_names_are_these():
    assert imuge.__all__ == PUBLIC
    for name in PUBLIC:
        assert hasattr(imuge, name)


def test_every_error_is_an_imuge_error():
    for name in PUBLIC:
        if name.endswith("Error"):
            assert issubclass(getattr(imuge, name), imuge.ImugeError)


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert imuge.__version__ == project["version"]
