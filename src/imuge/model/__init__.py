"""The networks, in torch: one file each. Needs the extra `[train]`.

Only `imuge.train`, `imuge.bench` and the commands of the same names may import this package; the
installed product runs the graphs exported from it (`imuge.engine`).
"""
