"""Reads request bodies: JSON, URL-encoded forms and multipart forms, each within its limits. Files in a multipart form
are streamed to the object store's temporary space while their digests are computed, and never held in memory."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import falcon
from falcon.media.multipart import MultipartFormHandler, MultipartParseOptions

from api.schemas.base import WireSchema
from api.schemas.fields import File, Json, Labels, ListOf, Text
from api.schemas.nested import Object
from api.schemas.references import References
from api.uploads import receive
from pulp_actor.errors import ValidationError
from pulp_actor.settings import settings
from pulp_actor.storage import TemporaryFile

#: Most parts of a multipart form, and most fields of a URL-encoded one.
MAX_PARTS = 256

_multipart_options = MultipartParseOptions()
_multipart_options.max_body_part_count = MAX_PARTS
_multipart = MultipartFormHandler(_multipart_options)


def read_body(request: falcon.Request, schema: WireSchema) -> Any:
    """The body's data, ready for ``schema``. No body is an empty object.

    Raises:
        falcon.HTTPError: it is too large, of an unknown type, or malformed.
        ValidationError: a field of a form cannot be what it should.
    """
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _from_form(_read_multipart(request), schema)
    content = _read_all(request)
    if not content:
        return {}
    if kind in ("application/json", "") or kind.endswith("+json"):
        return _read_json(content)
    if kind == "application/x-www-form-urlencoded":
        return _from_form(_read_urlencoded(content), schema)
    raise falcon.HTTPUnsupportedMediaType(description=f"A body of type {kind!r} cannot be read here.")


def _read_all(request: falcon.Request) -> bytes:
    limit = settings.MAX_BODY_SIZE
    if request.content_length is not None:
        if request.content_length > limit:
            raise _too_large()
        return request.bounded_stream.read()
    if not request.env.get("wsgi.input_terminated"):
        return b""
    content = request.stream.read(limit + 1)
    if len(content) > limit:
        raise _too_large()
    return content


def _too_large() -> falcon.HTTPError:
    return falcon.HTTPContentTooLarge(description=f"The body is larger than {settings.MAX_BODY_SIZE} bytes.")


def _malformed(why: object) -> falcon.HTTPError:
    return falcon.HTTPBadRequest(description=f"The body cannot be read: {why}.")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _read_json(content: bytes) -> Any:
    try:
        return json.loads(content.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise _malformed("it is not UTF-8") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed(f"it is not JSON ({error})") from None


def _read_urlencoded(content: bytes) -> dict[str, list[Any]]:
    try:
        return dict(parse_qs(content.decode(), keep_blank_values=True, max_num_fields=MAX_PARTS, errors="strict"))
    except ValueError:
        raise _malformed("it is not a URL-encoded form in UTF-8") from None


def _read_multipart(request: falcon.Request) -> dict[str, list[Any]]:
    if request.content_length is None:
        raise falcon.HTTPLengthRequired(description="A multipart form needs a Content-Length.")
    form: dict[str, list[Any]] = {}
    room = settings.MAX_BODY_SIZE
    try:
        for part in _multipart.deserialize(request.bounded_stream, request.content_type, request.content_length):
            name = part.name
            if not name:
                raise _malformed("a part of the form has no name")
            if part.filename is not None:
                received = receive(part.stream)
                request.context.received.append(received)
                form.setdefault(name, []).append(received)
                continue
            content = part.stream.read(room + 1)
            room -= len(content)
            if room < 0:
                raise _too_large()
            form.setdefault(name, []).append(content.decode())
    except UnicodeDecodeError:
        raise _malformed(f"the part {name!r} is not UTF-8") from None
    return form


def _from_form(form: dict[str, list[Any]], schema: WireSchema) -> dict[str, Any]:
    return {name: _field_value(name, values, schema.wire_fields.get(name)) for name, values in form.items()}


def _field_value(name: str, values: list[Any], field: Any) -> Any:
    """A form knows text only; what a field of another kind means by its text is JSON, or nothing at all."""
    value = values[-1]
    if isinstance(value, TemporaryFile) or field is None or isinstance(field, File):
        return value
    if isinstance(field, ListOf | References):
        if len(values) == 1 and value.lstrip().startswith("["):
            return _json_text(name, value)
        return values
    if isinstance(field, Labels | Json | Object):
        return _json_text(name, value) if value.strip() else None
    if value == "" and field.allow_none and not isinstance(field, Text):
        return None
    if value == "null" and field.allow_none and not isinstance(field, Text):
        return None
    return value


def _json_text(name: str, text: str) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(text, parse_constant=_refuse_constant)
    raise ValidationError({name: ["This is not JSON."]})
