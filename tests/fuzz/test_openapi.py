"""schemathesis makes requests out of the generated OpenAPI document, good ones and bad ones; none is answered with a 500."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests

from tests.fuzz import world

ROOT = Path(__file__).parents[2]

#: Seconds for the whole run.
BUDGET = 120

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


def crashed(platform):
    """What tasks ended with that is no error on purpose: it would have been a 500 if it had happened in a request."""
    failed = platform.client.every("tasks/", state="failed")
    errors = [(one["name"], (one["error"].get("traceback") or one["error"]["description"]).strip()) for one in failed]
    return [(name, text) for name, text in errors if not text.splitlines()[-1].startswith("pulp_actor.")]


#: What CPython 3.11 says now and then of code that it compiles deep in the generators; it says nothing of the server.
NOT_OURS = "AST constructor recursion depth mismatch"


def found(cases):
    """What schemathesis has found in its test cases: (operation, text)."""
    for case in cases:
        for problem in (*case.iter("failure"), *case.iter("error")):
            text = f"{problem.get('message')}\n{problem.text}"
            if NOT_OURS not in text:
                yield case.get("name"), text


@pytest.mark.timeout(BUDGET * 2)
def test_no_request_that_the_document_allows_or_forbids_breaks_the_server(platform, origin, tmp_path):
    world.create(platform.client, origin)
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(budget=os.environ.get("FUZZ_SECONDS", BUDGET)))
    facts, document, report = platform.facts, tmp_path / "api.json", tmp_path / "report.xml"
    document.write_text(json.dumps(checkable(platform.client.get("docs/api.json?pk_path"))))
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", configuration, "run",
         document, "--url", facts.api, "--auth", f"{facts.username}:{facts.password}",
         "--workers", "2", "--report-junit-path", report],
        env={**os.environ, "FUZZ_API": facts.api, "FUZZ_USERNAME": facts.username, "FUZZ_PASSWORD": facts.password,
             "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=BUDGET * 2,
    )
    print(done.stdout[-6000:], done.stderr[-3000:])
    cases = ElementTree.parse(report).iter("testcase")
    unexpected = [line for line in platform.log("api").splitlines() if "request failed" in line]
    assert not unexpected, "\n\n".join(unexpected[:20])
    assert not list(found(cases)), done.stdout[-20_000:]
    assert "Fuzzing" in done.stdout
    assert requests.get(f"{platform.api}status/", timeout=30).status_code == 200
    assert not crashed(platform)
