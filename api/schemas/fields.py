"""The kinds of field that a schema is declared with: how each is read from a request, shown in a response, stored, and
described in the OpenAPI document. Must never know a particular type of object, nor Falcon.

A response is made from a *row*: a dict from column name to value, as the database driver returns it. Every field has a
``show(row)``; it is plain Python and not marshmallow's dump, which costs ten times as much on a list of a hundred.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields, missing
from marshmallow.validate import Length, OneOf, Range, Regexp

Row = Mapping[str, Any]
Show = Callable[[Row], Any]


def wire_time(value: datetime.datetime | None) -> str | None:
    """A moment as clients parse it: ``2026-01-31T12:00:00.000001Z``."""
    if value is None:
        return None
    if value.utcoffset():
        value = value.astimezone(datetime.UTC)
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class WireField(fields.Field):
    """Base of all fields.

    Args:
        show: makes the value in a response from a row; by default the column of the field's name.
        column: the column a value is stored in; by default the field's name.
        detail: stored under the field's name in the ``details`` column that all types of a family have.
        default: the value when a create request does not name the field; also shown where the row has none.
        null: None is a value.
        read_only, write_only: only in responses, only in requests.
        help: one sentence for the OpenAPI document.
    """

    openapi_type: dict[str, Any] = {}
    default_error_messages = {
        "required": "This field is required.",
        "null": "This field may not be null.",
        "validator_failed": "This value is not valid.",
    }

    def __init__(
        self, *, show: Show | None = None, column: str | None = None, detail: bool = False, default: Any = missing,
        null: bool = False, read_only: bool = False, write_only: bool = False, help: str = "", **kwargs: Any,
    ) -> None:
        super().__init__(load_default=default, allow_none=null, dump_only=read_only, load_only=write_only, **kwargs)
        self.declared_show = show
        self.column = column
        self.detail = detail
        self.help = help

    def shower(self, name: str) -> Show:
        """The function that makes this field's value from a row."""
        if self.declared_show is not None:
            return self.declared_show
        if self.detail:
            fallback = None if self.load_default is missing else self.load_default
            return lambda row: row["details"].get(name, fallback)
        return self._column_shower(self.column or name)

    def _column_shower(self, column: str) -> Show:
        return lambda row: row[column]

    def stored(self, name: str, value: Any) -> tuple[str, Any]:
        """(column, JSON-able value) for a loaded value that is not None."""
        return self.stored_column(name), value

    def stored_column(self, name: str) -> str:
        """The column that the value of the field called ``name`` is stored in."""
        return self.column or name

    def example(self) -> Any:
        """A value to begin a form with: the default, or something of the right type."""
        default = self.load_default() if callable(self.load_default) else self.load_default
        if default is not missing:
            return default.isoformat() if isinstance(default, datetime.datetime) else default
        blanks = {"boolean": False, "array": [], "object": {}}
        return None if self.allow_none else blanks.get(self.openapi_type.get("type", ""), "")

    def openapi(self, *, response: bool) -> dict[str, Any]:
        """This field's property in a response (True) or request schema."""
        found: dict[str, Any] = dict(self.openapi_type)
        if self.help:
            found["description"] = self.help
        for validator in self.validators:
            if isinstance(validator, Length) and not (response and validator.min):
                found |= {k: v for k, v in (("minLength", validator.min), ("maxLength", validator.max)) if v is not None}
            elif isinstance(validator, Range):
                found |= {k: v for k, v in (("minimum", validator.min), ("maximum", validator.max)) if v is not None}
            elif isinstance(validator, Regexp):
                found["pattern"] = validator.regex.pattern
        default = self.load_default() if callable(self.load_default) else self.load_default
        if default is not missing and default is not None:
            found["default"] = default.date().isoformat() if isinstance(default, datetime.datetime) else default
        if self.allow_none:
            found["nullable"] = True
        if self.dump_only:
            found["readOnly"] = True
        if self.load_only:
            found["writeOnly"] = True
        return found


def matching(pattern: str, message: str) -> Callable[[str], None]:
    """A validator for text, of which the OpenAPI document says nothing: the contract's schema knows no pattern there."""
    compiled = re.compile(pattern)

    def validate(text: str) -> None:
        if not compiled.fullmatch(text):
            raise ValidationError(message)
    return validate


def _length(minimum: int | None, maximum: int | None) -> list[Length]:
    found = [Length(min=minimum, error="This field may not be blank.")] if minimum else []
    if maximum is not None:
        found.append(Length(max=maximum, error=f"Ensure this value has at most {maximum} characters."))
    return found


#: Bytes that a text may have; and one that is part of an index, of which PostgreSQL takes 2,704 bytes in all.
TEXT_LIMIT, INDEXED_LIMIT = 1_000_000, 2_000


class Text(WireField):
    """A string. Blank is refused unless ``blank``; surrounding white space is dropped unless ``strip`` is False. The
    bytes it may have at most, ``limit``, are no part of the OpenAPI document: the contract knows of none."""

    default_error_messages = {
        "invalid": "This is not a string.",
        "nul": "Null characters are not allowed.",
        "unicode": "This is not valid Unicode text.",
        "long": "This text is too long.",
    }

    def __init__(
        self, *, blank: bool = False, max_length: int | None = None, pattern: str | None = None, strip: bool = True,
        format: str | None = None, limit: int = TEXT_LIMIT, **kwargs: Any,
    ) -> None:
        minimum = None if blank or kwargs.get("read_only") else 1
        validators: list[Any] = _length(minimum, max_length)
        if pattern:
            validators.append(Regexp(pattern, error="This value has characters that are not allowed here."))
        super().__init__(validate=[*validators, *kwargs.pop("validate", ())], **kwargs)
        self.strip, self.limit = strip, limit
        self.openapi_type = {"type": "string"} | ({"format": format} if format else {})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        text = str(value)
        if "\0" in text:
            raise self.make_error("nul")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise self.make_error("unicode") from None
        if size > self.limit:
            raise self.make_error("long")
        return text.strip() if self.strip else text


class Secret(Text):
    """A string that is written but never shown."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, strip=False, **kwargs)


class Choice(Text):
    """One of a few words, an enum of its own in the OpenAPI document."""

    def __init__(self, choices: Sequence[str], *, enum: str, **kwargs: Any) -> None:
        one_of = OneOf(choices, error="\"{input}\" is not one of: {choices}.")
        super().__init__(validate=[one_of], **kwargs)
        self.choices, self.enum = tuple(choices), enum

    def openapi(self, *, response: bool) -> dict[str, Any]:
        found = super().openapi(response=response)
        found.pop("type")
        found.pop("minLength", None)
        return {"allOf": [{"$ref": f"#/components/schemas/{self.enum}"}], **found}


class Integer(WireField):
    """A whole number of at most 64 bits."""

    openapi_type = {"type": "integer", "format": "int64"}
    default_error_messages = {"invalid": "A whole number is needed here.", "big": "This number is too big."}

    def __init__(self, *, minimum: int | None = None, maximum: int | None = None, bits: int = 32, **kwargs: Any) -> None:
        validators = []
        if minimum is not None or maximum is not None:
            low = f"Ensure this value is at least {minimum}." if minimum is not None else ""
            high = f" Ensure this value is at most {maximum}." if maximum is not None else ""
            validators.append(Range(min=minimum, max=maximum, error=(low + high).strip()))
        super().__init__(validate=[*validators, *kwargs.pop("validate", ())], **kwargs)
        self.limit = 1 << (bits - 1)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        if isinstance(value, str) and len(value) > 30:
            raise self.make_error("big")
        try:
            number = int(value)
            if isinstance(value, float) and number != value:
                raise self.make_error("invalid")
        except (ValueError, OverflowError):
            raise self.make_error("invalid") from None
        if not -self.limit <= number < self.limit:
            raise self.make_error("big")
        return number


class Number(WireField):
    """A finite floating point number."""

    openapi_type = {"type": "number", "format": "double"}
    default_error_messages = {"invalid": "A number is needed here."}

    def __init__(self, *, minimum: float | None = None, **kwargs: Any) -> None:
        error = f"Ensure this value is at least {minimum}."
        super().__init__(validate=[Range(min=minimum, error=error)] if minimum is not None else [], **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise self.make_error("invalid") from None
        if number != number or number in (float("inf"), float("-inf")):
            raise self.make_error("invalid")
        return number


_TRUE = {True, "true", "True", "TRUE", "t", "1", "yes", "y", "on"}
_FALSE = {False, "false", "False", "FALSE", "f", "0", "no", "n", "off"}


class Boolean(WireField):
    openapi_type = {"type": "boolean"}
    default_error_messages = {"invalid": "True or false is needed here."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, str | int):
            if value in _TRUE:
                return True
            if value in _FALSE:
                return False
        raise self.make_error("invalid")


class DateTime(WireField):
    """A moment with its zone; without one, UTC is meant. A date alone is its midnight."""

    openapi_type = {"type": "string", "format": "date-time"}
    default_error_messages = {"invalid": "An ISO 8601 date and time is needed here."}

    def _column_shower(self, column: str) -> Show:
        return lambda row: wire_time(row[column])

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime.datetime:
        try:
            return parse_time(value)
        except ValueError:
            raise self.make_error("invalid") from None

    def stored(self, name: str, value: Any) -> tuple[str, Any]:
        return self.column or name, wire_time(value)


def parse_time(text: Any) -> datetime.datetime:
    """Read an ISO 8601 date or time. Raises ValueError."""
    if not isinstance(text, str) or len(text) > 64:
        raise ValueError("not a time")
    moment = datetime.datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        return moment.replace(tzinfo=datetime.UTC)
    try:
        return moment.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueError("out of range") from None


#: A UUID as it is always written here; any other way to write one is read by `uuid.UUID`, which takes longer.
_CANONICAL_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Identifier(WireField):
    """A UUID, as text."""

    openapi_type = {"type": "string", "format": "uuid"}
    default_error_messages = {"invalid": "A UUID is needed here."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, str) and _CANONICAL_UUID.fullmatch(value):
            return value
        try:
            return str(uuid.UUID(value))
        except (ValueError, AttributeError, TypeError):
            raise self.make_error("invalid") from None


_JSON_VALUES: dict[str, dict[str, Any]] = {
    "string": {"type": "string", "nullable": True}, "uri": {"type": "string", "format": "uri"},
    "text": {"type": "string"}, "name": {"type": "string", "minLength": 1},
}


class Json(WireField):
    """Any JSON value, or with ``type="object"`` an object only, whose ``values`` are of one type. NUL characters, which
    PostgreSQL cannot store, are refused."""

    default_error_messages = {"invalid": "An object is needed here.", "nul": "Null characters are not allowed."}

    def __init__(self, *, type: str | None = None, values: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.type = type
        self.openapi_type: dict[str, Any] = {"type": type} if type else {}
        if values:
            self.openapi_type["additionalProperties"] = (
                _JSON_VALUES.get(values) or {"type": values})

    def openapi(self, *, response: bool) -> dict[str, Any]:
        found = super().openapi(response=response)
        if response and "additionalProperties" in found:
            found["additionalProperties"] = {k: v for k, v in found["additionalProperties"].items() if k != "minLength"}
        return found

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if self.type == "object" and not isinstance(value, dict):
            raise self.make_error("invalid")
        if has_nul(value):
            raise self.make_error("nul")
        return value


def has_nul(value: Any) -> bool:
    """True if a string anywhere in a JSON value holds a NUL character or half a surrogate pair."""
    if isinstance(value, str):
        return "\0" in value or any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return any(has_nul(k) or has_nul(v) for k, v in value.items())
    if isinstance(value, list):
        return any(has_nul(v) for v in value)
    return False


class Labels(WireField):
    """An object from label to string or null. A label's key has letters, digits, ``_``, ``-``, ``.`` and ``/`` only."""

    openapi_type = {"type": "object", "additionalProperties": {"type": "string", "nullable": True}}
    default_error_messages = {
        "invalid": "An object of strings is needed here.",
        "key": "A label may hold letters, digits and _ - . / only.",
        "value": "The value of a label is a string or null, without commas and parentheses.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str | None]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        return {self.key(key): self.value(text) for key, text in value.items()}

    def key(self, text: Any) -> str:
        """Raises ValidationError unless ``text`` can be a label's key."""
        if not isinstance(text, str) or not text or len(text) > 1024 or not all(c.isalnum() or c in "_-./" for c in text):
            raise self.make_error("key")
        return text

    def value(self, text: Any) -> str | None:
        """Raises ValidationError unless ``text`` can be a label's value."""
        if text is None:
            return None
        if not isinstance(text, str) or has_nul(text) or any(c in ",()" for c in text):
            raise self.make_error("value")
        return text


class ListOf(WireField):
    """A list of another field's values."""

    default_error_messages = {"invalid": "A list is needed here."}

    def __init__(self, item: WireField, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        found, errors = [], {}
        for index, element in enumerate(value):
            try:
                found.append(self.item.deserialize(element))
            except ValidationError as error:
                errors[index] = error.messages
        if errors:
            raise ValidationError([f"{value[i]!r}: {m}" for i, ms in errors.items() for m in _flat(ms)])
        return found

    def openapi(self, *, response: bool) -> dict[str, Any]:
        item = self.item.openapi(response=response)
        return {"type": "array", "items": item, **super().openapi(response=response)}


def _flat(messages: Any) -> list[str]:
    return [str(m) for m in messages] if isinstance(messages, list) else [str(messages)]


class File(WireField):
    """The bytes of a multipart part. What is loaded is whatever the request's reader made of the part."""

    openapi_type = {"type": "string", "format": "binary"}
    default_error_messages = {"invalid": "A file is needed here, as a part of a multipart/form-data request."}

    def openapi(self, *, response: bool) -> dict[str, Any]:
        found = super().openapi(response=response)
        return {k: v for k, v in found.items() if k != "format"} if response else found

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str | bytes | int | float | list | dict):
            raise self.make_error("invalid")
        return value
