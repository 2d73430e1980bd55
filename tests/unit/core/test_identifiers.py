"""Keys, hrefs and PRNs."""

import time

import pytest

import pulp_actor.models.resources  # noqa: F401  (registers the core's types)
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import href_of, parse_reference, prn_of, registry, uuid7

ARTIFACT = registry.by_path("artifacts")


def test_keys_are_uuid_version_7_in_order_of_time():
    before = time.time_ns() // 1_000_000
    keys = [uuid7() for _ in range(100)]
    assert all(key.version == 7 and key.variant == "specified in RFC 4122" for key in keys)
    assert all(before <= key.int >> 80 <= before + 5000 for key in keys)
    assert len(set(keys)) == 100


def test_an_href_and_a_prn_lead_to_the_same_object():
    key = uuid7()
    by_href, by_prn = parse_reference(href_of(ARTIFACT, key)), parse_reference(prn_of(ARTIFACT, key))
    assert by_href == by_prn
    assert (by_href.resource, by_href.key) == (ARTIFACT, str(key))


@pytest.mark.parametrize("text", [
    "", "/", "artifacts/1/", "/pulp/api/v3/", "/pulp/api/v3/nonsense/01a20a7e-a6ba-76e8-b1b6-639b89b4cf92/",
    "/pulp/api/v3/artifacts/not-a-key/", "prn:core.artifact:nonsense", "prn:core.nothing:1", "prn:",
    "/pulp/api/v3/artifacts/01a20a7e-a6ba-76e8-b1b6-639b89b4cf92/versions/99999999999/",
    "http://elsewhere/pulp/api/v3/artifacts/1/", "/pulp/api/v3/artifacts/\0/",
])
def test_what_is_neither_is_refused(text):
    with pytest.raises(NotFound):
        parse_reference(text)
