"""The command `imuge`: thin, scriptable, one sentence for every error."""

# Only `main`: a command's function under its module's name would hide the module.
from imuge.cli.app import main

__all__ = ["main"]
