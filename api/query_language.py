"""The boolean language of the ``q`` parameter, made of an endpoint's filters.

    name__startswith=a AND NOT (retain_repo_versions=1 OR pulp_label_select='a=b')

A term is ``filter=value``; a value with spaces, parentheses or quotes stands in quotes, in which a backslash escapes.
AND binds closer than OR. The number of terms and the depth of nesting are limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from peewee import fn

from pulp_actor.errors import ValidationError

MAX_TERMS = 64
MAX_DEPTH = 16
MAX_LENGTH = 10_000

_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])
    | (?P<word>AND|OR|NOT)(?![\w=])
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s()'"]+)
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


class Term(Protocol):
    """What the language is made of: `api.filters.Filter`."""

    @property
    def costly(self) -> bool: ...

    def condition(self, texts: Sequence[str]) -> Any: ...


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    value: str = ""


def _error(message: str) -> ValidationError:
    return ValidationError({"q": [message]})


def _tokens(text: str) -> list[_Token]:
    found, position, text = [], 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise _error(f"This cannot be read from character {position + 1} on: {text[position:position + 40]!r}.")
        position = match.end()
        if match["paren"]:
            found.append(_Token(match["paren"], match["paren"]))
        elif match["word"]:
            found.append(_Token(match["word"].upper(), match["word"]))
        else:
            found.append(_Token("term", match["name"], _unquoted(match["value"])))
    return found


def _unquoted(text: str) -> str:
    if text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


class _Parser:
    """Recursive descent over: either := all (OR all)*; all := one (AND one)*; one := NOT one | ( either ) | term."""

    def __init__(self, tokens: list[_Token], condition: Callable[[_Token], Any]):
        self.tokens, self.condition = tokens, condition
        self.position = 0

    def parse(self) -> Any:
        found = self._either(0)
        if self.position < len(self.tokens):
            raise _error(f"{self.tokens[self.position].text!r} is not expected here.")
        return found

    def _either(self, depth: int) -> Any:
        found = self._all(depth)
        while self._accept("OR"):
            found = found | self._all(depth)
        return found

    def _all(self, depth: int) -> Any:
        found = self._one(depth)
        while self._accept("AND"):
            found = found & self._one(depth)
        return found

    def _one(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _error(f"This is nested more than {MAX_DEPTH} deep.")
        if self._accept("NOT"):
            return ~fn.COALESCE(self._one(depth + 1), False)  # NOT of what is unknown (a null) is true
        if self._accept("("):
            found = self._either(depth + 1)
            if not self._accept(")"):
                raise _error("A closing parenthesis is missing.")
            return found
        token = self._accept("term")
        if token is None:
            raise _error("A filter such as name='a' is expected here.")
        return self.condition(token)

    def _accept(self, kind: str) -> _Token | None:
        if self.position < len(self.tokens) and self.tokens[self.position].kind == kind:
            self.position += 1
            return self.tokens[self.position - 1]
        return None


def parse(text: str, filters: Mapping[str, Term]) -> tuple[Any, bool]:
    """The condition that ``text`` says, and whether one of its filters may be costly.

    Raises:
        ValidationError: at ``q``: what is wrong with it, and where.
    """
    if len(text) > MAX_LENGTH:
        raise _error(f"This is longer than {MAX_LENGTH} characters.")
    tokens = _tokens(text)
    if sum(token.kind == "term" for token in tokens) > MAX_TERMS:
        raise _error(f"This has more than {MAX_TERMS} terms.")
    costly = False

    def condition(token: _Token) -> Any:
        nonlocal costly
        one = filters.get(token.text)
        if one is None:
            raise _error(f"{token.text!r} is not a filter of this list.")
        costly = costly or one.costly
        try:
            return one.condition([token.value])
        except ValidationError as error:
            raise _error(str(error)) from None

    return _Parser(tokens, condition).parse(), costly
