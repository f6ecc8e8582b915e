"""Packages that some peers need and the product does not."""

import importlib
from typing import Any

from imuge.errors import ConfigError


def imported(module: str, *, package: str) -> Any:  # noqa: ANN401
    """A module of an optional package, imported at the first use.

    Args:
        module: Its full name.
        package: What `pip install` calls the package.

    Raises:
        ConfigError: the module, or one that it needs, is missing.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this peer needs {error.name}, which is not installed; run: pip install {package}"
        ) from error
