"""`python -m imuge.bench.acceptance`."""

from imuge.bench.acceptance.run import main

main()
