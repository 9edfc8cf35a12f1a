"""Signatures over what an entry says: whoever can write to Redis still cannot forge an answer.

Signed are its key and every field that decides what is served to whom and for how long: neither a
part of an entry nor a whole one can be moved to another place.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from ..errors import ConfigurationError
from ..question.digest import raw
from .documents import FIELD as DOCUMENTS

SIGNED = ("prompt", "response", "created_at", "ttl", "vector", "of")
_SIGNED = tuple(name.encode() for name in SIGNED)
# Signed where there are any, so that what was signed before there could be still counts.
_DOCUMENTS = DOCUMENTS.encode()
_SMALLEST_KEY = 16


class Signer:
    """Signs with the first key and accepts every key of the list, so that keys can be rotated."""

    def __init__(self, keys: str | bytes | Sequence[str | bytes]) -> None:
        given = [keys] if isinstance(keys, (str, bytes)) else list(keys)
        self._keys = [raw(key) if isinstance(key, str) else bytes(key) for key in given]
        if not self._keys or any(len(key) < _SMALLEST_KEY for key in self._keys):
            raise ConfigurationError(
                f"signing_key must be at least {_SMALLEST_KEY} bytes, or a list of such keys with "
                "the one to sign with first, e.g. signing_key=secrets.token_bytes(32)"
            )

    def sign(self, key: str, fields: Mapping[bytes, Any]) -> bytes:
        """Return the signature of an entry's key and fields."""
        return _mac(self._keys[0], _parts(key, fields))

    def verify(self, key: str, fields: Mapping[bytes, Any]) -> bool:
        """Tell whether the fields, as stored, carry a signature for this key."""
        signature = fields.get(b"signature")
        parts = _parts(key, fields)
        if not isinstance(signature, bytes) or not all(isinstance(part, bytes) for part in parts):
            return False
        return any(hmac.compare_digest(signature, _mac(one, parts)) for one in self._keys)


def _parts(key: str, fields: Mapping[bytes, Any]) -> list[Any]:
    values = map(fields.get, _SIGNED)
    parts = [raw(key), *(b"" if value is None else value for value in values)]
    documents = fields.get(_DOCUMENTS)
    return parts if documents is None else [*parts, documents]


def _mac(key: bytes, parts: Sequence[bytes]) -> bytes:
    state = hmac.new(key, digestmod=lambda: blake2b(digest_size=32))
    for part in parts:
        state.update(b"%d:" % len(part))
        state.update(part)
    return state.hexdigest().encode()
