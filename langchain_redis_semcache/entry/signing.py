"""Signatures over what an entry says: whoever can write to Redis still cannot forge an answer."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import blake2b

from ..errors import ConfigurationError
from ..question.digest import raw

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

    def sign(self, *parts: bytes) -> bytes:
        return _mac(self._keys[0], parts)

    def verify(self, signature: bytes, *parts: bytes) -> bool:
        return any(hmac.compare_digest(signature, _mac(key, parts)) for key in self._keys)


def _mac(key: bytes, parts: Sequence[bytes]) -> bytes:
    state = hmac.new(key, digestmod=lambda: blake2b(digest_size=32))
    for part in parts:
        state.update(b"%d:" % len(part))
        state.update(part)
    return state.hexdigest().encode()
