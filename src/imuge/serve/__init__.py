"""The service: `imuge serve`, and `create_app` for other ASGI servers. Needs the extra `[serve]`.

    request ─► edge (host, origin, rate, bytes) ─► routes ─► jobs (queue) ──► worker ─► Guard
                                                                │
    answer  ◄──────────── JSON, or a file ◄─────── job, in memory, forgotten after a while

The process that talks to the network never decodes a picture: workers do, under a memory and a
time limit, and one that overruns is killed and replaced. Nothing is written to disk.
"""
