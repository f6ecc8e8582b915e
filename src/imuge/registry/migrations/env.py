"""Run by Alembic: migrates over the connection that `registry.database` gives, nothing else."""

from alembic import context

from imuge.registry.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
# The caller's transaction holds the lock; it commits when all steps have worked.
context.run_migrations()
