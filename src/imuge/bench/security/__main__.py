"""`python -m imuge.bench.security`."""

from imuge.bench.command import as_command
from imuge.bench.security.run import main

as_command(main)
