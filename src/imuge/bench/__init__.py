"""How good it is: measured through real files and real encoders, by commands that anyone can run.

python -m imuge.bench.calibrate    sets the working point of a release, on training pictures
python -m imuge.bench.acceptance   the tables of docs/model-card.md, on validation pictures
python -m imuge.bench.speed        time and memory, beside the bare graphs
python -m imuge.bench.secrecy      what the hidden code tells without its key
"""
