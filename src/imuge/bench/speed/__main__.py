"""`python -m imuge.bench.speed`."""

from imuge.bench.speed.run import main

main()
