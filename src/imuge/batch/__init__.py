"""Batches: many pictures immunized or verified, each exactly once, over kills and restarts.

    listing ─► plan ─► resume ─► pool of workers ─► staged files ─► manifest line ─► files in place
    (what is   (one    (what     (`work`: bytes in,                 (fsync)          (rename)
     there)    task    is left)   files and a record out)
               each)

`local` is that way on one machine, `ray_engine` the same over a Ray cluster; `plan`, `resume` and
`work` serve both. Nothing but `ray_engine` imports Ray, and nothing but what it stands on
(`remote`, `remote_store`, `parquet`, `storage`) imports pyarrow.
"""
