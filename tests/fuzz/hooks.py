"""What schemathesis is told about this API: which keys and hrefs lead somewhere, and to leave the account alone that it
speaks as. Loaded by schemathesis itself, which runs in a process of its own; the platform is named by its environment."""

from __future__ import annotations

import os
import random
import re

import schemathesis
from hypothesis import strategies as st

from pulp_actor.cli.client import Client
from tests.fuzz.world import World

world = World(Client(os.environ["FUZZ_API"], os.environ["FUZZ_USERNAME"], os.environ["FUZZ_PASSWORD"]))

#: The key of the account that schemathesis speaks as.
OWN_KEY = "1"

schemathesis.openapi.format("uri", st.integers(0, 10_000).map(world.any_href))


#: How often, of a hundred, a request goes to an object that is there. The rest goes where schemathesis wanted.
REAL, REAL_DELETE = 85, 25


@schemathesis.hook
def before_call(context, case, kwargs):
    """Lead the request to an object that is there; but whoever deletes or locks out its own account learns nothing more."""
    names = re.findall(r"\{(\w+)\}", case.path)
    if not names:
        return
    number = random.randrange(1_000_000)
    often = REAL_DELETE if case.method == "DELETE" else REAL
    found = world.keys(case.path, names, number // 100) if number % 100 < often else None
    if found:
        case.path_parameters = found
    if "/users/" in case.path and OWN_KEY in map(str, (case.path_parameters or {}).values()):
        case.path_parameters = dict.fromkeys(names, "999999")
