"""Alive and ready: readiness goes red when the database or the store is away, and green again by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from pulp_actor import health
from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.health import Readiness
from pulp_actor.settings import settings
from tests.support.s3 import S3Server, available
from tests.support.services import RunningService, running_service
from tests.support.workers.waiting import eventually

API, CONTENT = "/pulp/api/v3/", "/"


@pytest.fixture
def object_store(tmp_path: Path) -> Iterator[S3Server]:
    if available() is None:
        pytest.skip("no S3 server")
    server = S3Server(tmp_path / "s3")
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def services(own_database: EmbeddedServer, tmp_path: Path) -> Iterator[dict[str, RunningService]]:
    """The API and the content server, by the folder of their probes."""
    with ExitStack() as stack:
        found = {
            API: stack.enter_context(running_service("api", tmp_path)),
            CONTENT: stack.enter_context(running_service("content", tmp_path, CONTENT_PROCESSES=2)),
        }
        for folder, service in found.items():
            service.await_answer(f"{folder}readyz/", 200)
        yield found


def await_parts(service: RunningService, folder: str, parts: dict[str, bool]) -> None:
    """Wait until the process that happens to be asked says so: each remembers what it saw for a second."""
    eventually(lambda: service.get(f"{folder}readyz/").json() == parts, 30)


def test_the_database_goes_and_comes_back(services: dict[str, RunningService], own_database: EmbeddedServer) -> None:
    own_database.stop()
    for folder, service in services.items():
        await_parts(service, folder, {"database": False, "storage": True})
        service.await_answer(f"{folder}readyz/", 503)
        assert service.get(f"{folder}livez/").status_code == 200, "alive, for a restart would not help"
        assert '"not ready"' in service.log
        assert str(own_database.directory) not in service.get(f"{folder}readyz/").text, "the reason is for the log"
    status = services[API].get(f"{API}status/")
    assert (status.status_code, status.json()["database_connection"]) == (200, {"connected": False})
    assert requests.head(services[CONTENT].url + "/pulp/content/", timeout=10).status_code == 200
    own_database.start()
    for folder, service in services.items():
        service.await_answer(f"{folder}readyz/", 200)
    assert '"ready again"' in services[API].log
    assert services[API].get(f"{API}status/").json()["database_connection"] == {"connected": True}


def test_the_store_goes_and_comes_back(services: dict[str, RunningService], data_dir: Path) -> None:
    media = data_dir / "media"
    media.rename(data_dir / "unmounted")
    media.write_text("where the file system should be")
    for folder, service in services.items():
        service.await_answer(f"{folder}readyz/", 503)
        await_parts(service, folder, {"database": True, "storage": False})
    media.unlink()
    (data_dir / "unmounted").rename(media)
    for folder, service in services.items():
        service.await_answer(f"{folder}readyz/", 200)


def test_an_object_store_dies_and_comes_back(own_database: EmbeddedServer, object_store: S3Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(settings.override(STORAGE=object_store.storage))
        services = {folder: stack.enter_context(running_service(kind, tmp_path))
                    for folder, kind in ((API, "api"), (CONTENT, "content"))}
        for folder, service in services.items():
            service.await_answer(f"{folder}readyz/", 200)
        object_store.kill()
        for folder, service in services.items():
            service.await_answer(f"{folder}readyz/", 503)
            assert service.get(f"{folder}readyz/").json() == {"database": True, "storage": False}
            assert service.get(f"{folder}livez/").status_code == 200
        object_store.start()
        for folder, service in services.items():
            service.await_answer(f"{folder}readyz/", 200)


def test_what_does_not_answer_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that swallows packets must not hold up those who ask: one look is under way, and all share its outcome."""
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    answered, looks = threading.Event(), []

    def look() -> None:
        looks.append(1)
        answered.wait(30)

    readiness = Readiness({"database": look})
    assert readiness.answer() == {"database": False}
    assert readiness.answer() == {"database": False}
    assert looks == [1]
    answered.set()
    while readiness.answer() != {"database": True}:
        assert len(looks) < 100


def test_answers_are_remembered_for_a_moment() -> None:
    looks: list[int] = []
    readiness = Readiness({"storage": lambda: looks.append(1)})
    assert [readiness.answer() for _ in range(50)] == [{"storage": True}] * 50
    assert len(looks) < 5
