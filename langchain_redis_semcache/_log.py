"""Events as lines of a log: a failure is one line until it is over.

Rule of this module: no line above DEBUG holds a prompt, an answer or a credential.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from .events import BreakerChanged, Event, Failed, SettingsChanged, Warned

_LOGGER = logging.getLogger("langchain_redis_semcache")

_ONLY_IDENTICAL = "identical questions are still served, reworded ones are not"
_CONSEQUENCES = {
    "search": _ONLY_IDENTICAL,
    "embedding": _ONLY_IDENTICAL,
    "vector": _ONLY_IDENTICAL,
    "store": "answers are not stored, stored ones are still served",
    "model": "calls that bind objects without a repr of their own are left to the model",
    "entry": "the model is asked and its answer replaces the entry",
    "verifier": "questions that need it are answered by the model",
    "judge": "the audit has less to go by",
    "audit": "the audit has less to go by",
    "recording": "hits are served and not recorded",
    "agreement": "neighbours vouch for fewer questions",
    "totals": "`semcache stats` knows nothing of this process",
    "prefilter": "every new question is embedded before the model is asked",
    "settings": "the switch, the threshold and the ttl stay as they are",
}


_BY_CALL = frozenset({"internal", "namespace", "question"})
"""What fails in one call and works in the next: that it works says little."""
QUIET_SECONDS = 60.0
"""Such a failure is over when it has not been seen for so long."""


class Log:
    """Logs events: hits and misses at DEBUG, a failure as one WARNING until it is over.

    The sentence is for people; programs find the event and its fields in `extra`, each with
    "semcache_" before its name.
    """

    def __init__(
        self,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        sentences: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._sentences = sentences or {}
        """What to do, by the error of a `Failed` event."""
        self.failing: dict[str, float] = {}
        """When it last failed, by stage."""

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Warned):
            self._say(logging.WARNING, event, "%s: %s", event.setting, event.reason)
        elif isinstance(event, SettingsChanged):
            self._settings_changed(event)
        elif not _LOGGER.isEnabledFor(logging.DEBUG):
            return
        elif isinstance(event, BreakerChanged):
            self._say(logging.DEBUG, event, "%s breaker %s", event.subject, event.state)
        else:
            self._say(logging.DEBUG, event, "%s", event)

    def _settings_changed(self, event: SettingsChanged) -> None:
        told = ["switched on" if event.on else "switched off: nothing is served or stored"]
        if event.distance_threshold is not None:
            told.append(f"distance threshold {event.distance_threshold:g}")
        if event.ttl is not None:
            told.append(f"ttl {event.ttl:g} s")
        self._say(logging.INFO, event, "%s, for all processes of this name", ", ".join(told))

    def _failed(self, event: Failed) -> None:
        # Consequences of a failure that was reported: a suspension, and that nothing can be
        # stored where nothing can be reached. Too much at once is nobody's failure.
        apart = ("suspended", "overloaded", "ClientOfAnotherLoop", "UNREACHED")
        known = event.error in apart or (event.stage == "store" and "redis" in self.failing)
        new = event.stage not in self.failing and not known
        if new or event.stage in self.failing:
            self.failing[event.stage] = self._clock()
        self._say(
            logging.WARNING if new else logging.DEBUG,
            event,
            "%s failed (%s)%s; %s%s",
            event.stage,
            event.error,
            f": {advice}" if (advice := self._sentences.get(event.error)) else "",
            _CONSEQUENCES.get(event.stage, "chat calls go on without the cache"),
            " (said once until it works again)" if new else "",
        )

    def _say(self, level: int, event: Event, sentence: str, *arguments: object) -> None:
        if not _LOGGER.isEnabledFor(level):
            return
        extra: dict[str, Any] = {"semcache_event": type(event).__name__}
        extra |= {"semcache_name": self._name}
        extra |= {f"semcache_{one.name}": getattr(event, one.name) for one in fields(event)}
        _LOGGER.log(level, "semcache %s: " + sentence, self._name, *arguments, extra=extra)

    def recovered(self, stage: str) -> None:
        """Say once that what had failed works again."""
        failed = self.failing.get(stage)
        if failed is None or (stage in _BY_CALL and self._clock() - failed < QUIET_SECONDS):
            return
        if self.failing.pop(stage, None) is not None:  # no other thread was faster
            _LOGGER.info(
                "semcache %s: %s works again",
                self._name,
                stage,
                extra={
                    "semcache_event": "Recovered",
                    "semcache_name": self._name,
                    "semcache_stage": stage,
                },
            )
