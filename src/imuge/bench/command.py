"""What every `python -m imuge.bench...` is run by."""

import sys
from collections.abc import Callable

from imuge.errors import ConfigError, ImugeError

FAILED, USAGE = 1, 2


def as_command(main: Callable[[], None]) -> None:
    """Run a study; of what the caller can act on, print the sentence and not where it came from."""
    try:
        main()
    except ImugeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USAGE if isinstance(error, ConfigError) else FAILED)
