"""An issuer of OpenID Connect on loopback: keys that rotate, tokens of every kind, and what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "api://atlas-tests"
DISCOVERY = "/.well-known/openid-configuration"
_RSA = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


class Issuer:
    """Keys are published under their ids; `down` answers 503; `asked` are the paths of all requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.down = False
        self.keys: dict[str, Any] = {}
        self.published: dict[str, dict[str, Any]] = {}
        self.says = url
        self.rotate()

    def rotate(self) -> str:
        """Another key, and it alone; gives its id."""
        key = _RSA[len(self.asked) % 2]
        key_id = str(uuid4())
        self.keys, self.published = {}, {}
        self.publish(key_id, key)
        return key_id

    def publish(self, key_id: str, key: Any, **more: Any) -> None:
        of = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
        jwk = of.to_jwk(key.public_key(), as_dict=True)
        self.keys[key_id] = key
        self.published[key_id] = {**jwk, "kid": key_id, "use": "sig", **more}

    def token(
        self, *, key: Any = None, key_id: str | None = None, algorithm: str = "RS256", **claims: Any
    ) -> str:
        """A token; a claim of None is left out."""
        now = int(time.time())
        given = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            **claims,
        }
        newest = next(reversed(self.keys), "none")
        return jwt.encode(
            {name: value for name, value in given.items() if value is not None},
            self.keys[newest] if key is None else key,
            algorithm=algorithm,
            headers={"kid": newest if key_id is None else key_id},
        )


@contextmanager
def issuing() -> Iterator[Issuer]:
    """A running issuer."""
    holder: list[Issuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer = holder[0]
            issuer.asked.append(self.path)
            known = {
                DISCOVERY: {"issuer": issuer.says, "jwks_uri": f"{issuer.url}/keys"},
                "/keys": {"keys": list(issuer.published.values())},
            }
            found = None if issuer.down else known.get(self.path)
            body = json.dumps(found or {}).encode()
            self.send_response(503 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    holder.append(Issuer(f"http://127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield holder[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
