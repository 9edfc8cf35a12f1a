"""What a scope is made of, in words short enough to be kept: why two of them are not one.

Rule of this module: it explains and decides nothing. Each part is a digest and the beginning of
what it stands for; where nobody is to read that, the digest alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .digest import digest

Parts = Mapping[str, str]
"""By name: a digest of eight characters and, behind a space, what can be shown of it."""

SYSTEM = "system prompt"
TURNS = "earlier turns"
MESSAGE = "fields of the message"
IDENTICAL = "what must be identical"
TOOLS = "tools"
TENANT = "tenant"
EMBEDDINGS = "embedding model"
READING = "way of reading"
MODEL = "model"
PARAMETER = "parameter "
OUTLINE = "outline"
"""Of the system prompt: digests of its blocks of words, by which a difference is found."""

SHOWN = 60
SHOWN_OF_SYSTEM = 240
MOST_PARAMETERS = 24
BLOCKS = 32
SMALLEST_BLOCK = 8
"""Words."""
WINDOW = 8
"""Words that are shown from a difference on."""
_WIDTH = 8
_BLOCK_WIDTH = 3
_MODEL_KEYS = frozenset({"model", "model_name"})
# Of other texts nobody knows that no credential is in them: headers, addresses, bodies.
_SHOWN_TEXTS = _MODEL_KEYS | {
    "azure_deployment",
    "class",
    "deployment_name",
    "effort",
    "model_id",
    "output_version",
    "reasoning_effort",
    "repo_id",
    "response_format",
    "service_tier",
    "stop",
    "stop_sequences",
    "tool_choice",
    "truncation",
    "verbosity",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A part in which two scopes differ. Shows what they hold: for eyes, not for logs."""

    part: str
    asked: str
    stored: str

    def __str__(self) -> str:
        return (
            f"{self.part}: stored with {self.stored or 'none'}, asked with {self.asked or 'none'}"
        )


def part(value: str, shown: int = SHOWN) -> str:
    """Return a part that stands for this value."""
    line = " ".join(value[: 4 * shown].split())
    return f"{digest(value)[:_WIDTH]} {line[:shown]}".rstrip()


def counted(value: str, count: int) -> str:
    """Return a part of which the number of its pieces is all that can be shown."""
    return f"{digest(value)[:_WIDTH]} {count}"


def system_parts(text: str) -> dict[str, str]:
    """Return what is kept of a system prompt."""
    return {SYSTEM: part(text, SHOWN_OF_SYSTEM), OUTLINE: outline(text)} if text else {}


def parameter_parts(fields: Mapping[str, Any]) -> Parts:
    """Return the parameters of a model and a call, tools by their names.

    A text is shown of parameters alone that hold no credential, of others its digest.
    """
    parts = {}
    for name, value in sorted(fields.items())[:MOST_PARAMETERS]:
        if value is None:
            continue
        if name in ("tools", "functions"):
            names = ", ".join(_tool_names(value))
            parts[TOOLS] = f"{digest(str(value))[:_WIDTH]} {names[:SHOWN]}"
        else:
            kind = MODEL if name in _MODEL_KEYS else f"{PARAMETER}{name[:SHOWN]}"
            shown = SHOWN if isinstance(value, (int, float)) or name in _SHOWN_TEXTS else 0
            parts[kind] = part(str(value), shown)
    return parts


def hidden(parts: Parts) -> Parts:
    """Return the digests alone."""
    return {name: value if name == OUTLINE else value[:_WIDTH] for name, value in parts.items()}


def differences(asked: Parts, stored: Parts) -> list[Difference]:
    """Name what two scopes differ in, as far as their parts tell."""
    names = dict.fromkeys((*asked, *stored))
    return [
        Difference(name, _shown(asked.get(name, "")), _shown(stored.get(name, "")))
        for name in names
        if name != OUTLINE and asked.get(name, "")[:_WIDTH] != stored.get(name, "")[:_WIDTH]
    ]


def outline(text: str) -> str:
    """Return a text's blocks of words as digests, in about a hundred characters at most."""
    words = text.split()
    size = max(SMALLEST_BLOCK, -(-len(words) // BLOCKS))
    return f"{size}:{_blocks(words, size)}"


def in_system_prompts(text: str, stored: Parts) -> Difference:
    """Show in which words a system prompt differs from one whose beginning and outline are kept."""
    beginning = stored.get(SYSTEM, "")[_WIDTH + 1 :]
    ours, theirs = text.split(), beginning.split()
    if len(beginning) >= SHOWN_OF_SYSTEM:
        theirs = theirs[:-1]  # the last word may be a part of one
    at = 0
    while at < min(len(ours), len(theirs)) and ours[at] == theirs[at]:
        at += 1
    if beginning and (at < len(theirs) or len(beginning) < SHOWN_OF_SYSTEM):
        return Difference(SYSTEM, _words(ours, at), _words(theirs, at))
    first, size = _first_block(ours, stored.get(OUTLINE, ""))
    begins = f", of a prompt that begins {beginning[:SHOWN]!r}" if beginning else ""
    return Difference(SYSTEM, _words(ours, first, size), f"others in their place{begins}")


def _words(words: Sequence[str], at: int, count: int = WINDOW) -> str:
    begin = max(0, at - 2)
    shown = " ".join(words[begin : at + count])[: 3 * SHOWN]
    return f"{'... ' if begin and shown else ''}{shown!r}"


def _first_block(words: Sequence[str], outlined: str) -> tuple[int, int]:
    """Return where the first block begins that two texts do not share, and its size."""
    digits, _, blocks = outlined.partition(":")
    size = int(digits[:6]) if digits.isascii() and digits.isdigit() else 0
    ours = _blocks(words, size) if size else ""
    for start in range(0, len(ours), _BLOCK_WIDTH):
        if ours[start : start + _BLOCK_WIDTH] != blocks[start : start + _BLOCK_WIDTH]:
            return start // _BLOCK_WIDTH * size, size
    return (len(words), WINDOW) if size else (0, WINDOW)


def _blocks(words: Sequence[str], size: int) -> str:
    starts = range(0, len(words), size)
    return "".join(digest(" ".join(words[at : at + size]))[:_BLOCK_WIDTH] for at in starts)


def _shown(kept: str) -> str:
    return kept[_WIDTH + 1 :] or (f"#{kept}" if kept else "")


def _tool_names(tools: Any) -> list[str]:
    if not isinstance(tools, (list, tuple)):
        return [str(tools)]
    names = []
    for tool in tools:
        fields = tool if isinstance(tool, dict) else {}
        inner = fields.get("function")
        named = inner if isinstance(inner, dict) else fields
        names.append(str(named.get("name") or named.get("type") or "?"))
    return names
