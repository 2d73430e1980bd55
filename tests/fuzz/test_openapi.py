"""schemathesis makes requests out of the generated OpenAPI document, good ones and bad ones; none is answered with a 500."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.fuzz import world

#: Seconds for the whole run.
BUDGET = 150

CONFIGURATION = """
hooks = "tests.fuzz.hooks"
continue-on-failure = true
max-failures = 20
max-time = {budget}
request-timeout = 30.0
warnings = false
suppress-health-check = ["all"]

[generation]
mode = "all"
database = "none"
no-shrink = true

[phases.examples]
enabled = false

[phases.stateful]
enabled = false

[checks]
enabled = false

[checks.not_a_server_error]
enabled = true

[checks.response_schema_conformance]
enabled = true

[checks.content_type_conformance]
enabled = true
"""


def relaxed(value):
    """A part of the document that describes responses, without what clients have always been told but never relied on: an
    href is called a ``uri`` though it is only the path of one, what is required can be left out by ``fields``, and what
    there is nothing of is null."""
    if isinstance(value, list):
        return [relaxed(part) for part in value]
    if not isinstance(value, dict):
        return value
    found = {key: relaxed(part) for key, part in value.items() if key not in ("format", "required")}
    if isinstance(value.get("type"), str):
        found["type"] = [value["type"], "null"]
    return found


def checkable(document):
    """The document as responses can be checked against it."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if "Response" in name:
            schemas[name] = {key: relaxed(part) for key, part in schema.items() if key != "required"}
    return document


@pytest.mark.timeout(BUDGET * 2)
def test_no_request_that_the_document_allows_or_forbids_breaks_the_server(platform, origin, tmp_path):
    world.create(platform.client, origin)
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(budget=os.environ.get("FUZZ_SECONDS", BUDGET)))
    facts, document = platform.facts, tmp_path / "api.json"
    document.write_text(json.dumps(checkable(platform.client.get("docs/api.json?pk_path"))))
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", configuration, "run",
         document, "--url", facts.api, "--auth", f"{facts.username}:{facts.password}",
         "--workers", "2"],
        env={**os.environ, "FUZZ_API": facts.api, "FUZZ_USERNAME": facts.username, "FUZZ_PASSWORD": facts.password,
             "PYTHONPATH": os.getcwd()},
        capture_output=True, text=True, check=False, cwd=os.getcwd(), timeout=BUDGET * 2,
    )
    print(done.stdout[-6000:], done.stderr[-3000:])
    unexpected = [line for line in platform.log("api").splitlines() if "request failed" in line]
    assert not unexpected, "\n\n".join(unexpected[:20])
    assert done.returncode == 0, done.stdout[-20_000:]
    assert requests.get(f"{platform.api}status/", timeout=30).status_code == 200
