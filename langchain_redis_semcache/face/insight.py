"""Why a call hit or missed, for whoever asks, and what they say of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from langchain_core.messages import BaseMessage

    from ..driver.drivers import Drivers
    from ..entry.recorded import RecordedHit
    from ..events import Event
    from ..flows.by_hand import ByHand
    from ..flows.explain import Explanation
    from ..flows.health import Health
    from ..reporting.reporter import Reporter


class Insight:
    """A cache's methods about single answers, and how it is; all but `feedback` change nothing."""

    _by_hand: ByHand
    _drivers: Drivers
    _reporter: Reporter

    def explain(self, asked: Any, model: Any = None, *, like: str | None = None) -> Explanation:
        """Say what a lookup would do and why; later calls go as if nobody had asked.

        Takes what `model.invoke` takes and the model: bare, bound, in a chain of prompts, or its
        llm_string. Alone, a message that was served or stored, or an event: why this one? With
        `like`, the text of a question, asked as that of the entry with this key was.
        """
        flow = self._by_hand.explain(asked, model, like)
        with self._reporter.muted():
            return self._drivers.run(flow, glance=True)

    async def aexplain(
        self, asked: Any, model: Any = None, *, like: str | None = None
    ) -> Explanation:
        """Say what an `alookup` would do and why."""
        flow = self._by_hand.explain(asked, model, like)
        with self._reporter.muted():
            return await self._drivers.arun(flow, glance=True)

    def feedback(
        self,
        answer: BaseMessage | Event | RecordedHit | str,
        *,
        right: bool,
        asked: str | None = None,
        labels: str | PathLike[str] | None = None,
    ) -> bool:
        """Remove a wrong answer, with its aliases, or count that it is right.

        Takes a message as it was served or stored, the event that said so, a recorded hit, or the
        entry's key, and tells whether there was such an entry. With `labels`, a file, the verdict
        on the question `asked` (a recorded hit knows it) is added for `semcache calibrate`.
        """
        return self._drivers.run(self._by_hand.feedback(answer, right, asked, labels))

    async def afeedback(
        self,
        answer: BaseMessage | Event | RecordedHit | str,
        *,
        right: bool,
        asked: str | None = None,
        labels: str | PathLike[str] | None = None,
    ) -> bool:
        """Do what `feedback` does."""
        return await self._drivers.arun(self._by_hand.feedback(answer, right, asked, labels))

    def health(self) -> Health:
        """Ask Redis whether it answers: one round trip, within `Limits.redis`; never raises."""
        return self._drivers.run(self._by_hand.health(self._drivers.budget))

    async def ahealth(self) -> Health:
        """Ask what `health` asks."""
        return await self._drivers.arun(self._by_hand.health(self._drivers.budget))
