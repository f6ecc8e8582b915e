"""Packages that some peers need and the product does not."""

import importlib
import multiprocessing
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
    # blind-watermark chooses how processes are started, and fails where somebody has chosen.
    method = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(None, force=True)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this peer needs {error.name}, which is not installed; run: pip install {package}"
        ) from error
    finally:
        multiprocessing.set_start_method(method, force=True)
