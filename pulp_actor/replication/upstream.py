"""Reads the distributions of another platform, over its API, page by page and whole: a replication begins to change things
only when it knows everything. Must never write to the database."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

import aiohttp

from pulp_actor.models import Remote, UpstreamPulp
from pulp_actor.paths import path_fault
from pulp_actor.replication.errors import ReplicationError
from pulp_actor.replication.hooks import Replicated
from pulp_actor.sync import run
from pulp_actor.sync.session import make_session

#: Distributions that are asked for at a time, and most bytes of an answer.
PAGE, ANSWER_LIMIT = 100, 32 * 1024 * 1024
#: Seconds before a second and a third attempt.
PAUSES = (0.5, 2.0)
#: Columns of an upstream that its remotes here have, too. Credentials for its API are for its API.
NETWORK = (
    "ca_cert", "client_cert", "client_key", "tls_validation", "max_retries", "total_timeout", "connect_timeout",
    "sock_connect_timeout", "sock_read_timeout", "download_concurrency",
)


@dataclass(frozen=True)
class Distributed:
    """A distribution there.

    Attributes:
        base_url: where it is served.
        unchanged_since: since when it has served the same; None: it may serve something else at any time.
    """

    kind: Replicated
    name: str
    base_path: str
    base_url: str
    labels: Mapping[str, str | None]
    unchanged_since: datetime.datetime | None


def read_distributions(upstream: UpstreamPulp, kinds: list[Replicated], q_select: str | None) -> list[Distributed]:
    """All distributions there of some types, or those that a filter in the language of ``q`` selects.

    Raises:
        ReplicationError: the upstream cannot be reached, refuses, or answers something that is not understood.
    """
    return run(_read(upstream, kinds, q_select))


async def _read(upstream: UpstreamPulp, kinds: list[Replicated], q_select: str | None) -> list[Distributed]:
    found: list[Distributed] = []
    columns = {name: getattr(upstream, name) for name in (*NETWORK, "username", "password")}
    remote = Remote(name=upstream.name, url=upstream.base_url, **columns)
    async with make_session(remote, trusted=True) as session:
        for kind in kinds:
            async for row in _pages(session, f"{api_url(upstream)}{kind.distributions}/", q_select):
                found.append(_distributed(kind, row, upstream))
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise ReplicationError("the upstream names two distributions alike")
    return found


def api_url(upstream: UpstreamPulp) -> str:
    """The root of the API there."""
    domain = f"{upstream.upstream_domain}/" if upstream.upstream_domain else ""
    return f"{upstream.base_url.rstrip('/')}/{upstream.api_root.strip('/')}/{domain}api/v3/"


async def _pages(session: aiohttp.ClientSession, url: str, q_select: str | None) -> AsyncIterator[Mapping[str, Any]]:
    offset = 0
    while True:
        query = {"limit": PAGE, "offset": offset, "ordering": "pk"} | ({"q": q_select} if q_select else {})
        answer = await _get(session, f"{url}?{urlencode(query)}")
        results = answer.get("results")
        if not isinstance(results, list):
            raise ReplicationError(f"{url} answers something else than a list")
        for row in results:
            yield row
        offset += len(results)
        if not results or not answer.get("next"):
            return


async def _get(session: aiohttp.ClientSession, url: str) -> Mapping[str, Any]:
    """The JSON object at a URL. What may be over in a moment is tried again. Raises ReplicationError."""
    for pause in (*PAUSES, None):
        try:
            return await _get_once(session, url)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError, _Busy) as error:
            if pause is None:
                reason = str(error) or type(error).__name__
                raise ReplicationError(f"the upstream cannot be reached at {url}: {reason}") from error
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


class _Busy(Exception):
    """An answer of 500 or more."""


async def _get_once(session: aiohttp.ClientSession, url: str) -> Mapping[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status >= 500:
            raise _Busy(f"{response.status} {response.reason}")
        body = await response.content.read(ANSWER_LIMIT) if response.status < 300 else b""
        if response.status >= 300:
            raise ReplicationError(f"the upstream answers {response.status} {response.reason} to {url}")
        while more := await response.content.read(ANSWER_LIMIT):
            body += more
            if len(body) > ANSWER_LIMIT:
                raise ReplicationError(f"the upstream's answer to {url} does not end")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ReplicationError(f"the upstream answers something else than JSON to {url}")
    return found


def _distributed(kind: Replicated, row: Any, upstream: UpstreamPulp) -> Distributed:
    texts = {name: row.get(name) if isinstance(row, dict) else None for name in ("name", "base_path", "base_url")}
    labels = row.get("pulp_labels") if isinstance(row, dict) else None
    bad = [name for name, text in texts.items() if not isinstance(text, str) or not text or "\0" in text]
    if bad or path_fault(texts["base_path"]) or not isinstance(labels, dict):  # type: ignore[arg-type]
        raise ReplicationError(f"the upstream has a distribution that is not understood: {str(row)[:200]}")
    base_url = urljoin(f"{upstream.base_url}/", texts["base_url"])
    return Distributed(
        kind, texts["name"], texts["base_path"], base_url if base_url.endswith("/") else f"{base_url}/", labels,  # type: ignore[arg-type]
        _unchanged_since(row))


def _unchanged_since(row: Mapping[str, Any]) -> datetime.datetime | None:
    """What serves a repository's latest version may change without a word about it in the distribution."""
    if row.get("repository") or not (row.get("publication") or row.get("repository_version")):
        return None
    try:
        return datetime.datetime.fromisoformat(str(row.get("no_content_change_since")))
    except ValueError:
        return None
