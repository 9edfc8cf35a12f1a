"""A view of a cache for calls that come later than they are meant, as a stream's do.

Rule of this module: nothing is decided here; the flows get the options of another moment.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from typing_extensions import override

from .._signals import let_through
from ..driver.stores import Stores
from ..events import Bypassed
from ..flows.flights import Flight
from ..flows.lookup import Core
from ..flows.options import CallOptions

__all__ = ["AtCall"]


class AtCall(BaseCache):
    """Looks up and stores with the namespace and the options of the moment it was made.

    With `stores` an answer is stored behind the caller: as it is now, whatever the application does
    to its message meanwhile.
    """

    def __init__(
        self,
        core: Core,
        run: Callable[..., Any],
        arun: Callable[..., Coroutine[Any, Any, Any]],
        stores: Stores | None,
    ) -> None:
        self._core = core
        self._options = core.at_call()
        self._run = run
        self._arun = arun
        self._stores = stores
        self._together = core.together
        self._led: Flight | None = None

    @override
    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        flow = self._core.lookup(prompt, llm_string, self._options)
        found: RETURN_VAL_TYPE | None = self._run("lookup", flow)
        if found is None and self._together is not None:
            self._led = self._run("lookup", self._together.led(self._options))
        return found

    @override
    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return await self._alookup(prompt, llm_string, self._options)

    async def alookup_meanwhile(
        self, prompt: str, llm_string: str, begin: Callable[[], None], caller: Any = None
    ) -> RETURN_VAL_TYPE | None:
        """Look up, and call `begin` if that goes on to embed the question.

        With a `caller` it is that task's lookup, whichever task this is.
        """
        options = replace(self._options, meanwhile=begin, caller=caller)
        return await self._alookup(prompt, llm_string, options)

    async def _alookup(
        self, prompt: str, llm_string: str, options: CallOptions
    ) -> RETURN_VAL_TYPE | None:
        flow = self._core.lookup(prompt, llm_string, options)
        found: RETURN_VAL_TYPE | None = await self._arun("lookup", flow)
        if found is None and self._together is not None:
            self._led = await self._arun("lookup", self._together.led(options))
        return found

    @override
    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        kept = None if self._stores is None else _copied(return_val)
        flow = partial(self._core.update, prompt, llm_string, kept or return_val, self._options)
        if self._stores is None or kept is None:
            self._run("update", flow())
        else:
            if self._together is not None:
                self._run("update", self._together.hand_over())
                self._led = None
            self._stores.store(partial(self._run, "update"), flow)

    @override
    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        kept = None if self._stores is None else _copied(return_val)
        flow = partial(self._core.update, prompt, llm_string, kept or return_val, self._options)
        if self._stores is None or kept is None:
            await self._arun("update", flow())
        else:
            if self._together is not None:
                await self._arun("update", self._together.hand_over())
                self._led = None
            run, arun = partial(self._run, "update"), partial(self._arun, "update")
            await self._stores.astore(run, arun, flow)

    def mark(self, prompt: str, llm_string: str) -> dict[str, Any] | None:
        """Return metadata that say where an answer is going to be stored, if it is to be marked."""
        mark: dict[str, Any] | None = self._run(
            "update", self._core.store.mark(prompt, llm_string, self._options)
        )
        return mark

    async def amark(self, prompt: str, llm_string: str) -> dict[str, Any] | None:
        """Do what `mark` does."""
        mark: dict[str, Any] | None = await self._arun(
            "update", self._core.store.mark(prompt, llm_string, self._options)
        )
        return mark

    def leave(self, reason: str) -> None:
        """Say that an answer is not stored, and why."""
        self._core.calls.reporter.emit(Bypassed("update", reason))

    def let_go(self) -> None:
        """Say that the call is over: nobody need wait for an answer that was not stored.

        In whatever task: an abandoned stream is closed by the loop.
        """
        if self._together is not None and self._led is not None:
            self._together.flights.give_up_on(self._led)

    @override
    def clear(self, **kwargs: Any) -> None:
        raise NotImplementedError("clear the cache itself")


def _copied(answers: RETURN_VAL_TYPE) -> RETURN_VAL_TYPE | None:
    """Return them as they are now; what cannot be copied has to be stored at once."""
    try:
        return deepcopy(answers)
    except Exception as error:
        let_through(error)
        return None
