"""`python -m imuge.bench.geometry`."""

from imuge.bench.geometry.run import main

main()
