"""`python -m imuge.bench.jpeg`."""

from imuge.bench.jpeg.run import main

main()
