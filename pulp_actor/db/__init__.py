"""The database: one pool of connections, one way to open a transaction, one listening connection per process."""

from pulp_actor.db.connection import configure, connected, database, transaction
from pulp_actor.db.queries import load_queries

__all__ = ["configure", "connected", "database", "load_queries", "transaction"]
