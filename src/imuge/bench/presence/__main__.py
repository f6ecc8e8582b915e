"""`python -m imuge.bench.presence`."""

from imuge.bench.presence.run import main

main()
