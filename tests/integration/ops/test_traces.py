"""A trace from a request over its task to the downloads, as a collector gets it from real processes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
import requests

from pulp_actor import tracing
from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings
from tests.support.collector import Collector, running_collector
from tests.support.origin import make_files, running_origin
from tests.support.platform import RunningPlatform, running_platform
from tests.support.workers.waiting import eventually


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    with running_platform(tmp_path_factory.mktemp("traced"), OTEL_ENDPOINT=collector.url, WORKERS="1") as platform:
        yield platform


def test_a_sync_is_one_trace_from_the_caller_to_the_downloads(traced: RunningPlatform, collector: Collector) -> None:
    client, trace, caller = traced.client, secrets.token_hex(16), secrets.token_hex(8)
    with running_origin() as origin:
        url = origin.publish("traced", make_files(3, "traced")).replace("://", "://user:secret@", 1)
        remote = client.create("remotes/file/file/", {"name": "traced", "url": url, "policy": "immediate"})
        repository = client.create("repositories/file/file/", {"name": "traced", "remote": remote["pulp_href"]})
        answer = traced.session.post(
            traced.url(f"{repository['pulp_href']}sync/"), json={}, timeout=30,
            headers={"traceparent": f"00-{trace}-{caller}-01", "Correlation-ID": "my-own-id"})
        assert answer.status_code == 202, answer.text
        task = client.wait(answer.json()["task"])
    assert task["state"] == "completed" and task["logging_cid"] == "my-own-id"
    downloads = eventually(
        lambda: len(found := collector.spans(trace, name="download")) >= 4 and found, 20)
    request = eventually(lambda: collector.spans(trace, service="pulp-api"), 20)[0]
    run = eventually(lambda: [s for s in collector.spans(trace, service="pulp-worker") if s.name.startswith("task ")], 20)[0]
    assert (request.parent, run.parent) == (caller, request.id)
    assert {download.parent for download in downloads} == {run.id}
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["pulp.correlation_id"] == run.attributes["pulp.correlation_id"] == "my-own-id"
    assert not any("secret" in str(span.attributes) for span in collector.spans())


def test_a_failed_task_is_a_failed_span(traced: RunningPlatform, collector: Collector) -> None:
    client = traced.client
    with running_origin() as origin:
        remote = client.create("remotes/file/file/", {"name": "broken", "url": origin.url + "/nothing"})
        repository = client.create("repositories/file/file/", {"name": "broken", "remote": remote["pulp_href"]})
        href = client.request("POST", f"{repository['pulp_href']}sync/", json={})["task"]
        eventually(lambda: client.get(href)["state"] == "failed", 30)
    key = href.rstrip("/").rpartition("/")[2]
    run = eventually(lambda: [span for span in collector.spans(service="pulp-worker")
                              if span.attributes.get("messaging.message.id") == key], 20)[0]
    assert run.failed


def test_a_download_by_a_client_is_traced(traced: RunningPlatform, collector: Collector) -> None:
    trace = secrets.token_hex(16)
    requests.get(traced.content_url("nothing/here"), timeout=10, headers={"traceparent": f"00-{trace}-{'b' * 16}-01"})
    span = eventually(lambda: collector.spans(trace, service="pulp-content"), 20)[0]
    assert (span.parent, span.attributes["http.response.status_code"]) == ("b" * 16, 404)


def test_without_an_endpoint_nothing_is_traced() -> None:
    with tracing.span("something", url__full="x") as span:
        span.set(a=1)
        assert tracing.current() == ""


def test_an_endpoint_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    with settings.override(OTEL_ENDPOINT="http://127.0.0.1:1"), pytest.raises(ConfigurationError, match=r"\[otel\]"):
        tracing.check()
