"""Fields on their own: what each accepts, refuses, shows and says of itself."""

import datetime

import pytest
from marshmallow import ValidationError

from api.pagination import Page
from api.schemas.fields import Boolean, Choice, DateTime, Integer, Json, Labels, ListOf, Number, Text, wire_time
from pulp_actor.settings import settings


def refused(field, value):
    with pytest.raises(ValidationError):
        field.deserialize(value)


@pytest.mark.parametrize(("field", "value", "loaded"), [
    (Text(), "  x ", "x"), (Text(strip=False), " x ", " x "), (Text(), 5, "5"), (Text(blank=True), "", ""),
    (Integer(), "5", 5), (Integer(), 5.0, 5), (Integer(minimum=1), 1, 1), (Integer(bits=64), 2**40, 2**40),
    (Number(), "1.5", 1.5), (Boolean(), "true", True), (Boolean(), 0, False), (Boolean(), "no", False),
    (Choice(("a", "b"), enum="E"), "a", "a"), (Json(), {"a": [1]}, {"a": [1]}), (Labels(), {"a": None}, {"a": None}),
    (ListOf(Integer()), ["1", 2], [1, 2]), (Text(null=True), None, None),
])
def test_what_is_accepted(field, value, loaded):
    assert field.deserialize(value) == loaded


@pytest.mark.parametrize(("field", "value"), [
    (Text(), ""), (Text(), "  "), (Text(), True), (Text(), None), (Text(), []), (Text(), "a\0"), (Text(), "\udc80"),
    (Text(max_length=3), "abcd"), (Text(pattern=r"^[a-z]+$"), "A"), (Integer(), True), (Integer(), "x"), (Integer(), 1.5),
    (Integer(), 2**31), (Integer(), float("inf")), (Integer(), "9" * 5000), (Integer(minimum=1), 0),
    (Number(), "nan"), (Number(), "inf"), (Number(minimum=0), -1),
    (Boolean(), "perhaps"), (Boolean(), None), (Boolean(), []),
    (Choice(("a",), enum="E"), "b"), (Json(type="object"), []), (Json(), {"a": ["\0"]}), (Json(), {"\0": 1}),
    (Labels(), []), (Labels(), {"a b": "c"}), (Labels(), {"": "c"}), (Labels(), {"a": 1}), (Labels(), {"a": "(x)"}),
    (ListOf(Integer()), ["x"]), (ListOf(Integer()), "1"), (DateTime(), "now"), (DateTime(), 5), (DateTime(), "9" * 100),
])
def test_what_is_refused(field, value):
    refused(field, value)


@pytest.mark.parametrize(("text", "moment"), [
    ("2026-01-31", (2026, 1, 31)), ("2026-01-31T12:00:00Z", (2026, 1, 31, 12)),
    ("2026-01-31T12:00:00", (2026, 1, 31, 12)), ("2026-01-31T12:00:00+02:00", (2026, 1, 31, 10)),
])
def test_moments_are_read_as_utc(text, moment):
    assert DateTime().deserialize(text) == datetime.datetime(*moment, tzinfo=datetime.UTC)


def test_moments_are_shown_as_utc():
    east = datetime.timezone(datetime.timedelta(hours=2))
    assert wire_time(datetime.datetime(2026, 1, 31, 12, tzinfo=east)) == "2026-01-31T10:00:00.000000Z"
    assert wire_time(None) is None


def test_a_detail_is_shown_with_its_default_where_there_is_none():
    show = Text(detail=True, default="x").shower("manifest")
    assert (show({"details": {}}), show({"details": {"manifest": None}})) == ("x", None)


@pytest.mark.parametrize(("params", "page"), [
    ({}, (100, 0)), ({"limit": ["0"]}, (100, 0)), ({"limit": ["-1"]}, (100, 0)), ({"limit": ["x"]}, (100, 0)),
    ({"limit": ["7"], "offset": ["3"]}, (7, 3)), ({"limit": [str(10**9)]}, (1000, 0)), ({"offset": ["-5"]}, (100, 0)),
    ({"limit": ["9" * 5000]}, (100, 0)), ({"offset": [str(10**25)]}, (100, 2**62)),
])
def test_pages_that_make_no_sense_are_put_right(params, page):
    with settings.override(PAGE_SIZE=100, MAX_PAGE_SIZE=1000):
        found = Page.of(params)
    assert (found.limit, found.offset) == page


def test_links_keep_the_rest_of_the_query():
    body = Page(10, 10).body("http://h/x/", {"limit": ["10"], "offset": ["10"], "name__in": ["a,b"], "q": ["a&b"]}, 35, [])
    assert body["next"] == "http://h/x/?limit=10&offset=20&name__in=a%2Cb&q=a%26b"
    assert body["previous"] == "http://h/x/?limit=10&name__in=a%2Cb&q=a%26b"
