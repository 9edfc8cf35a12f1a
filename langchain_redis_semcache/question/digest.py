"""Digests of text parts: injective over the parts, fixed width, hexadecimal.

Hexadecimal digests need no escaping in keys and queries; length prefixes keep
("ab", "c") and ("a", "bc") apart.
"""

from __future__ import annotations

from hashlib import blake2b

WIDTH = 32
"""Hex characters of a digest: 128 bits, out of reach for accidents and second preimages."""


def raw(text: str) -> bytes:
    """Encode any Python string; lone surrogates, which JSON can carry, stay distinct."""
    return text.encode("utf-8", "surrogatepass")


def digest(*parts: str) -> str:
    """Return the hex digest of a sequence of strings."""
    prefixed = "".join([f"{len(part)}:{part}" for part in parts])
    data = prefixed.encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=WIDTH // 2).hexdigest()
