"""Errors: raised for bad configuration and by explicit administration, never by a chat call."""

from __future__ import annotations

__all__ = ["CacheUnavailableError", "ConfigurationError", "SemcacheError"]


class SemcacheError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(SemcacheError, ValueError):
    """An argument makes no sense; the message names it and says what to write instead."""


class CacheUnavailableError(SemcacheError):
    """An administrative call (setup, clear, delete) could not be carried out by Redis."""
