"""The checkers of the core's own guards. Each says no unless everything it asks for is there."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
from functools import lru_cache
from typing import Any
from uuid import UUID

import jq

from content.guards import Check, Forbidden, Unauthenticated, check, checker
from content.paths import content_path
from pulp_actor.security.authentication import BadCredentials, authenticate
from pulp_actor.security.permissions import may_download
from pulp_actor.security.signing import is_signed
from pulp_actor.settings import environment_variable, settings

_CHALLENGE = 'Basic realm="content"'
#: A filter must not be a way to ask what the server's environment or files hold.
_REACHES_OUT = re.compile(
    r"\$ENV\b|\$__prog_args\b|\b(?:env|input|inputs|input_filename|debug|stderr|import|include|halt|halt_error)\b")


@checker("core.header")
async def header(question: Check) -> None:
    """The header has the value; with a jq filter, its JSON (plain or in base64) yields the value."""
    details = question.guard.details
    given = _single_header(question, details["header_name"])
    if details.get("jq_filter"):
        values = await asyncio.to_thread(_filtered, details["jq_filter"], given)
    else:
        values = [given]
    if not any(_same(value, details["header_value"]) for value in values):
        raise Forbidden("a header of the request is not what it must be")


@checker("core.envvar_header")
async def environment_header(question: Check) -> None:
    """The header has the value of a variable of this server's environment, which is set and not empty."""
    details = question.guard.details
    given = _single_header(question, details["header_name"])
    wanted = environment_variable(details["env_var"])
    if not wanted or not _same(given, wanted):
        raise Forbidden("a header of the request is not what it must be")


@checker("core.content_redirect")
async def signed(question: Check) -> None:
    """The URL is signed for this path, and has not expired."""
    query = question.request.query
    path = content_path(question.request.rel_url.raw_path, settings.CONTENT_PATH_PREFIX)
    if not is_signed(question.guard.id, path, query.get("expires", ""), query.get("validate_token", "")):
        raise Forbidden("this URL is not signed, or its time is over")


@checker("core.composite")
async def composite(question: Check) -> None:
    """One of the guards lets the request pass; where there are none, nobody passes."""
    challenge = None
    for part in question.guard.parts:
        try:
            await check(Check(part, question.request, question.view, question.threads))
        except Unauthenticated as error:
            challenge = error
        except Forbidden:
            continue
        else:
            return
    raise challenge or Forbidden("none of the guards of this content lets the request pass")


@checker("core.rbac")
async def role_based(question: Check) -> None:
    """The user whose password or token comes with the request may download what the guard guards."""
    credentials = question.request.headers.getall("Authorization", [])
    if len(credentials) != 1:
        raise Unauthenticated("this content is for users with a role", _CHALLENGE)
    if not await question.threads.run(_may_download, credentials[0], question.guard.id):
        raise Forbidden("this user may not download this content")


def _single_header(question: Check, name: str) -> str:
    """The value of a header that must be there once: of two, another program may have looked at the other one."""
    values = question.request.headers.getall(name, [])
    if len(values) != 1:
        raise Forbidden("a header of the request is not what it must be")
    return values[0]


def _same(given: Any, wanted: str) -> bool:
    """Equal as text; JSON values other than text are compared as JSON. In constant time."""
    text = given if isinstance(given, str) else json.dumps(given)
    return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), wanted.encode("utf-8", "surrogateescape"))


def _filtered(filter_: str, given: str) -> list[Any]:
    """What a jq filter makes of a header; nothing if the header is no JSON (or too deep) or the filter cannot be run."""
    try:
        return _program(filter_).input_value(_json(given)).all()
    except (ValueError, RecursionError):
        return []


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(base64.b64decode(text, validate=True))


@lru_cache(maxsize=256)
def _program(filter_: str) -> Any:
    if _REACHES_OUT.search(filter_):
        raise ValueError("this filter reaches out of its input")
    return jq.compile(filter_)


def _may_download(credentials: str, guard_id: UUID) -> bool:
    """Whether the user whom an Authorization header proves has a role that lets them download. Blocks.

    Raises:
        Unauthenticated: it proves no user.
    """
    try:
        account = authenticate(credentials)
    except BadCredentials as error:
        raise Unauthenticated(str(error), _CHALLENGE) from None
    if account is None:
        raise Unauthenticated("this content is for users with a role", _CHALLENGE)
    return may_download(account, guard_id)
