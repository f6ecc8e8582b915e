"""`python -m imuge.bench.geometry`."""

from imuge.bench.command import as_command
from imuge.bench.geometry.run import main

as_command(main)
