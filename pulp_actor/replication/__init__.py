"""Replication: having here what another platform distributes, and keeping up with it.

    hooks.py      what a plugin says about a type that can be replicated
    upstream.py   reads the other platform's distributions, over its API
    plan.py       makes remotes, repositories and distributions here like those there, and removes what has gone there
"""
