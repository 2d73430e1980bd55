"""The language of ``q``: what it accepts, how it binds, and what it refuses."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.query_language import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, parse
from pulp_actor.errors import ValidationError


class Formula:
    """Stands for a condition: shows how terms were joined."""

    def __init__(self, text):
        self.text = text

    def __and__(self, other):
        return Formula(f"({self.text} & {other.text})")

    def __or__(self, other):
        return Formula(f"({self.text} | {other.text})")


class Term:
    costly = False

    def __init__(self, name):
        self.name = name

    def condition(self, texts):
        return Formula(f"{self.name}={texts[0]}")


@pytest.fixture
def filters():
    return {name: Term(name) for name in ("a", "b", "c", "name__in", "label")}


@pytest.mark.parametrize(("text", "formula"), [
    ("a=1", "a=1"), ("a = 1", "a=1"), ("a='x y'", "a=x y"), ('a="(x)"', "a=(x)"), (r"a='it\'s'", "a=it's"),
    ("a=1 AND b=2", "(a=1 & b=2)"), ("a=1 or b=2", "(a=1 | b=2)"),
    ("a=1 OR b=2 AND c=3", "(a=1 | (b=2 & c=3))"), ("(a=1 OR b=2) AND c=3", "((a=1 | b=2) & c=3)"),
    ("name__in=x,y,z", "name__in=x,y,z"), ("label='a=b'", "label=a=b"), ("a=android AND b=or", "(a=android & b=or)"),
    ("  ((a=1))  ", "a=1"), ("a=x/y/z/", "a=x/y/z/"),
])
def test_what_it_means(filters, text, formula):
    assert parse(text, filters)[0].text == formula


@pytest.mark.parametrize("text", [
    "", " ", "a", "a=", "a=(", "(a=1", "a=1)", "a=1 b=2", "AND a=1", "a=1 AND", "NOT", "()", "d=1", "a='x", "a<1",
    "a=1 AND OR b=2", "=1", "q=a=1",
])
def test_what_it_refuses(filters, text):
    with pytest.raises(ValidationError) as caught:
        parse(text, filters)
    assert list(caught.value.messages) == ["q"]


def test_limits(filters):
    parse(" OR ".join(["a=1"] * MAX_TERMS), filters)
    for text in (" OR ".join(["a=1"] * (MAX_TERMS + 1)), "(" * 2 * MAX_DEPTH + "a=1" + ")" * 2 * MAX_DEPTH,
                 "NOT " * 2 * MAX_DEPTH + "a=1", "a=" + "x" * MAX_LENGTH):
        with pytest.raises(ValidationError):
            parse(text, filters)


@given(st.text(alphabet="ab=()'\"\\ ANDORT,_1", max_size=60))
def test_whatever_comes_it_answers_or_refuses(text):
    known = {name: Term(name) for name in ("a", "b")}
    with suppress(ValidationError):
        parse(text.replace("NOT", ""), known)
