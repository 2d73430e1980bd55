"""Byte ranges and preconditions of a request (RFC 9110, sections 13 and 14). Knows headers, no files and no sockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

#: More ranges than this in one request are answered with the whole file, as section 14.2 allows.
MAX_RANGES = 16

_RANGE = re.compile(r"(\d*)-(\d*)\Z", re.ASCII)


class NotSatisfiable(ValueError):
    """None of the ranges lies in the file: 416."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What identifies a state of a file: its entity tag, quoted, and the time of its last change as in a header."""

    etag: str | None
    last_modified: str | None


def http_date(moment: datetime) -> str:
    """``moment`` as it stands in a header, to the second."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def precondition(headers: Mapping[str, str], validators: Validators) -> int | None:
    """The status that a request's preconditions demand for GET and HEAD: 412, 304, or None to go on.

    ``If-Modified-Since`` is compared for equality: a path may go back to a file that is older than the client's.
    """
    if (wanted := headers.get("If-Match")) is not None:
        if not _matches(wanted, validators.etag, weak=False):
            return 412
    elif (date := headers.get("If-Unmodified-Since")) and _is_after(validators.last_modified, date):
        return 412
    if (wanted := headers.get("If-None-Match")) is not None:
        return 304 if _matches(wanted, validators.etag, weak=True) else None
    if (date := headers.get("If-Modified-Since")) and validators.last_modified:
        return 304 if _same_date(date, validators.last_modified) else None
    return None


def requested_ranges(headers: Mapping[str, str], validators: Validators, size: int) -> list[tuple[int, int]] | None:
    """The ranges to send, each (start, end) without its end, or None for the whole file.

    Raises:
        NotSatisfiable
    """
    text = headers.get("Range")
    if text is None:
        return None
    condition = headers.get("If-Range")
    if condition is not None and not _condition_holds(condition.strip(), validators):
        return None
    unit, equals, specifications = text.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    parts = [part.strip() for part in specifications.split(",") if part.strip()]
    if not parts or len(parts) > MAX_RANGES:
        return None
    ranges = []
    for part in parts:
        match = _RANGE.match(part)
        if match is None or part == "-" or (match[1] and match[2] and int(match[1]) > int(match[2])):
            return None  # ill-formed: the header is ignored
        found = _range(match[1], match[2], size)
        if found:
            ranges.append(found)
    if not ranges:
        raise NotSatisfiable(text)
    return _merged(ranges)


def _range(first: str, last: str, size: int) -> tuple[int, int] | None:
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else None
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    return (start, end) if start < size else None


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping ranges would let a small request ask for many times the file: they are joined, in the order asked."""
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        for number, (other_start, other_end) in enumerate(merged):
            if start <= other_end and other_start <= end:
                merged[number] = (min(start, other_start), max(end, other_end))
                break
        else:
            merged.append((start, end))
    return merged if len(merged) == len(ranges) else _merged(merged)


def _condition_holds(condition: str, validators: Validators) -> bool:
    if condition.startswith('"'):
        return condition == validators.etag
    return bool(validators.last_modified) and _same_date(condition, validators.last_modified or "")


def _matches(wanted: str, etag: str | None, *, weak: bool) -> bool:
    if wanted.strip() == "*":
        return True
    if etag is None:
        return False
    tags = (tag.strip() for tag in wanted.split(","))
    return any((tag.removeprefix("W/") if weak else tag) == etag for tag in tags)


def _is_after(first: str | None, second: str) -> bool:
    if first is None or (moment := _parsed(second)) is None:
        return False
    return (_parsed(first) or moment) > moment


def _same_date(first: str, second: str) -> bool:
    return first == second or ((moment := _parsed(first)) is not None and moment == _parsed(second))


def _parsed(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
