"""`python -m imuge.bench.jpeg`."""

from imuge.bench.command import as_command
from imuge.bench.jpeg.run import main

as_command(main)
