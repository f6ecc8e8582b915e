"""How good it is: measured through real files and real encoders, by commands that anyone can run.

imuge calibrate                         sets a release's working points, on other pictures
imuge bench                             the grid: any systems side by side, tables, plots, examples
python -m imuge.bench.copies            what becomes of copies, beside what was asked for
python -m imuge.bench.jpeg              how near training's JPEGs are to real ones
imuge bench speed                       time and memory of calls and stages, in several backends
imuge bench security                    verdicts where the protection itself is attacked
imuge bench presence                    whether presence p-values mean what they say
python -m imuge.bench.secrecy           what the hidden code tells without its key
python -m imuge.bench.registry          publishing, look-ups and audit of a registry
"""
