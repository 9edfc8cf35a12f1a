"""Events as lines of a log: a failure is one line until it is over.

Rule of this module: no line above DEBUG holds a prompt, an answer or a credential.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from ..events import BreakerChanged, Event, Failed, SettingsChanged, Warned

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


_OF_REDIS = frozenset({"agreement", "alias", "audit", "redis", "search", "store", "vector"})
"""What fails where Redis does not answer: in whichever it shows, that is one outage."""
_OUTAGE = "chat calls go on, without the cache where Redis does not answer"
_PASSING = frozenset({"CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "SearchIncomplete"})
"""What says the same as an exception does: it is not all there for now."""
_APART = frozenset({"suspended", "overloaded", "ClientOfAnotherLoop", "UNREACHED"})
"""What comes of a failure that was reported. Too much at once is nobody's failure."""
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
        self.failing: set[str] = set()
        """The stages of which it would be news that they work."""
        self._refused: dict[str, float] = {}
        """When it last failed, by stage, for reasons of its own."""
        self._down: dict[str, float] = {}
        """The same of an outage of Redis, which is told of once."""
        self._began = ""
        """The stage in which that showed first."""

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
        outage = self._is_outage(event)
        failing = self._down if outage else self._refused
        known = event.error in _APART or (outage and bool(self._recent()))
        # Nothing can be recorded either where nothing can be reached.
        known = known or (event.stage == "recording" and bool(self._recent()))
        new = event.stage not in failing and not known
        if new and outage:
            self._began = event.stage
        if new or outage or event.stage in failing:
            failing[event.stage] = self._clock()
            self.failing |= _OF_REDIS if outage else {event.stage}
        consequence = _CONSEQUENCES.get(event.stage, "chat calls go on without the cache")
        self._say(
            logging.WARNING if new else logging.DEBUG,
            event,
            "%s failed (%s)%s; %s%s",
            event.stage,
            event.error,
            f": {advice}" if (advice := self._sentences.get(event.error)) else "",
            _OUTAGE if outage else consequence,
            " (said once until it works again)" if new else "",
        )

    def _is_outage(self, event: Failed) -> bool:
        """Tell whether Redis was not there, be it for all or for some; other refusals are about us.

        What comes of a failure that was reported goes on with it.
        """
        if event.stage not in _OF_REDIS:
            return False
        if event.error in _APART:
            return event.stage in self._down
        named = event.error.partition(":")[0]
        return named.lower().endswith("error") or named in _PASSING

    def _recent(self) -> list[str]:
        """Return in what the outage has shown lately: of what nobody asks for nobody hears."""
        since = self._clock() - QUIET_SECONDS
        return [stage for stage, failed in list(self._down.items()) if failed > since]

    def _say(self, level: int, event: Event, sentence: str, *arguments: object) -> None:
        if not _LOGGER.isEnabledFor(level):
            return
        extra: dict[str, Any] = {"semcache_event": type(event).__name__}
        extra |= {"semcache_name": self._name}
        extra |= {f"semcache_{one.name}": getattr(event, one.name) for one in fields(event)}
        _LOGGER.log(level, "semcache %s: " + sentence, self._name, *arguments, extra=extra)

    def recovered(self, stage: str) -> None:
        """Say once that what had failed works again."""
        if self._down and stage in _OF_REDIS:
            self._down.pop(stage, None)
            if self._began not in self._down and not self._recent():
                self._down.clear()
                self.failing -= _OF_REDIS - self._refused.keys()
                began, self._began = self._began, ""
                self._over(began)
        failed = self._refused.get(stage)
        if failed is None or (stage in _BY_CALL and self._clock() - failed < QUIET_SECONDS):
            return
        if self._refused.pop(stage, None) is not None:  # no other thread was faster
            self.failing -= {stage} - (_OF_REDIS if self._down else set())
            self._over(stage)

    def _over(self, stage: str) -> None:
        if not stage:  # another thread was faster
            return
        extra = {"semcache_event": "Recovered", "semcache_name": self._name}
        sentence = "semcache %s: %s works again"
        _LOGGER.info(sentence, self._name, stage, extra={**extra, "semcache_stage": stage})
