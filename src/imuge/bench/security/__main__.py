"""`python -m imuge.bench.security`."""

from imuge.bench.security.run import main

main()
