"""JSON Web Tokens signed with HS256, as PostgREST and Supabase take them for keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json


def signed_key(role: str, secret: str) -> str:
    """Return a key that acts as the database role ``role``; it does not expire."""
    head = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = _encoded(json.dumps({"role": role, "iss": "datalayer"}).encode())
    signature = hmac.new(secret.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{_encoded(signature)}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
