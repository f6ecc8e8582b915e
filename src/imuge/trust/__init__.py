"""Publishing with a record, and what a record says about a copy.

picture ─ immunize ─ sign ─ record ─► file and receipt          (publishing)
copy ─ verdict ─┬─ Content Credentials ─┬─► verdict with provenance   (provenance)
                └─ record, reference ───┘

Here meet the guard, the registry and Content Credentials, none of which knows the others.
"""
