"""`python -m imuge.bench.speed`."""

from imuge.bench.command import as_command
from imuge.bench.speed.run import main

as_command(main)
