"""A verdict for people: overlay, mask and reconstruction as pictures, and one page that explains.

`write.write_report` makes all of it; the other modules are its parts.
"""
