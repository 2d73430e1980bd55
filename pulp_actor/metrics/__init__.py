"""Metrics for Prometheus: what is counted (`table`), how the processes of a service count together (`shared`), what the
database knows of the queue (`queue`), and how all of it is told (`exposition`, `exporter`).

Whoever counts imports `pulp_actor.metrics.table` and nothing else. That must stay cheap: no I/O and no database.
"""
