"""Alembic runs this file for every command; `include.state.schema` provides the connection."""

from alembic import context

from include.state.schema import VERSION_TABLE
from include.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
