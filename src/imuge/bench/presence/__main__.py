"""`python -m imuge.bench.presence`."""

from imuge.bench.command import as_command
from imuge.bench.presence.run import main

as_command(main)
