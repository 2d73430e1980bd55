"""A real OpenID Connect issuer: an HTTP server with a discovery document, its keys, and tokens that it signs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.serving import Handler, listening, served, url_of


class Issuer:
    """Signs tokens. ``asked`` counts how often its keys were asked for."""

    audience = "pulp"

    def __init__(self) -> None:
        self.asked = 0
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.new_key("first")
        issuer = self

        class Documents(Handler):
            def do_GET(self) -> None:
                self.answer(json.dumps(issuer.document(self.path)).encode())

        self.server = listening(Documents)
        self.url = url_of(self.server)

    def new_key(self, name: str) -> None:
        """Sign with another key from now on; the older ones stay good."""
        self.keys[name] = rsa.generate_private_key(65537, 2048)
        self.signing = name

    def document(self, path: str) -> Any:
        if path.endswith("/openid-configuration"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.asked += 1
        algorithm = jwt.algorithms.RSAAlgorithm
        return {"keys": [
            {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": "RS256", "use": "sig"}
            for name, key in self.keys.items()]}

    def token(self, **claims: Any) -> str:
        """A token for somebody, good for a minute; None takes a claim out."""
        every = {
            "iss": self.url, "aud": self.audience, "exp": time.time() + 60, "preferred_username": "olga", **claims,
        }
        return jwt.encode(
            {name: value for name, value in every.items() if value is not None}, self.keys[self.signing], "RS256",
            headers={"kid": self.signing})


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    with served(issuer.server):
        yield issuer
