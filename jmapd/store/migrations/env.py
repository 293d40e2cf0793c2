"""Alembic's entry: it runs the migrations on the connection that `migrate` gives it."""

from alembic import context

from jmapd.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
