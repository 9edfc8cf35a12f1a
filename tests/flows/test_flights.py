"""Who leads, who waits, and what ends a flight."""

from __future__ import annotations

import pytest

from langchain_redis_semcache import SingleFlight
from langchain_redis_semcache.flows.flights import MOST, Flight, Flights


class Task:
    """A caller whose end can be noticed, as an asyncio task's."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def add_done_callback(self, callback: object) -> None:
        self.told.append(callback)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flights(clock: Clock) -> Flights:
    return Flights(SingleFlight(pause=60), clock)


def boarded(flights: Flights, key: str, caller: object) -> Flight | bool:
    return flights.board(key, flights.ticket(caller))


def waited_for(flights: Flights, key: str, caller: object = "follower") -> Flight:
    flight = boarded(flights, key, caller)
    assert isinstance(flight, Flight)
    return flight


def test_the_first_leads(flights: Flights) -> None:
    """The first caller asks the model, all others get its flight, until there is an answer."""
    assert boarded(flights, "q", "leader") is False
    flight = waited_for(flights, "q")
    assert waited_for(flights, "q", "another") is flight
    assert boarded(flights, "another question", "x") is False
    assert not flight.wait(0)
    flights.stored("q")
    assert flight.wait(0)
    assert flight.result() is True
    assert boarded(flights, "q", "later") is False


def test_an_answer_between_lookup_and_boarding(flights: Flights) -> None:
    """Whose lookup began before the answer was stored looks again instead of leading."""
    early = flights.ticket("early")
    boarded(flights, "q", "leader")
    flights.stored("q")
    assert flights.board("q", early) is True
    assert flights.board("q", flights.ticket("late")) is False


@pytest.mark.parametrize("end", ["failed", "left", "give_up_on"])
def test_without_an_answer(flights: Flights, clock: Clock, end: str) -> None:
    """All are released at once, and nobody leads or waits for a while."""
    boarded(flights, "q", "leader")
    flight = waited_for(flights, "q")
    {
        "failed": lambda: flights.failed("q"),
        "left": lambda: flights.left("leader"),
        "give_up_on": lambda: flights.give_up_on(flight),
    }[end]()
    assert flight.wait(0)
    assert flight.result() is False
    assert boarded(flights, "q", "a") is boarded(flights, "q", "b") is False
    clock.now = 61
    assert boarded(flights, "q", "c") is False
    waited_for(flights, "q")


def test_an_answer_ends_the_pause(flights: Flights) -> None:
    """A question that has been answered after all is worth waiting for again."""
    boarded(flights, "q", "leader")
    flights.failed("q")
    flights.stored("q")
    boarded(flights, "q", "leader")
    waited_for(flights, "q")


def test_asking_again(flights: Flights) -> None:
    """Who asks again has left the flight before, of the same question or another."""
    boarded(flights, "q", "leader")
    flight = waited_for(flights, "q")
    assert boarded(flights, "q", "leader") is False
    assert flight.wait(0)
    boarded(flights, "r", "leader")
    other = waited_for(flights, "r")
    flights.ticket("leader")
    assert other.wait(0)


def test_a_question_that_needed_no_model(flights: Flights) -> None:
    """A leader that finds another one's answer releases the others without a pause."""
    boarded(flights, "q", "leader")
    flight = waited_for(flights, "q")
    flights.needless("leader")
    assert flight.result() is False
    boarded(flights, "q", "leader")
    waited_for(flights, "q")


def test_late_ends_change_nothing(flights: Flights) -> None:
    """What is over cannot be ended once more, nor end the next flight of its question."""
    boarded(flights, "q", "leader")
    old = waited_for(flights, "q")
    flights.stored("q")
    boarded(flights, "q", "next")
    flights.give_up_on(old)
    flights.left("leader")
    flights.needless("leader")
    assert not waited_for(flights, "q").wait(0)
    flights.failed("unknown")


def test_tasks(flights: Flights) -> None:
    """A task's end is noticed, by one callback however many flights it led."""
    task = Task()
    for _ in range(3):
        boarded(flights, "q", task)
        flights.stored("q")
    boarded(flights, "q", task)
    (callback,) = task.told
    flight = waited_for(flights, "q")
    callback(task)  # type: ignore[operator]  # what it was told
    assert flight.wait(0)


def test_handing_over(flights: Flights) -> None:
    """While an answer is being stored behind the call, its caller may go."""
    boarded(flights, "q", "leader")
    flight = waited_for(flights, "q")
    assert flights.led_by("leader") is flight
    flights.hand_over("leader")
    flights.left("leader")
    assert not flight.wait(0)
    flights.stored("q")
    assert flight.result() is True


def test_release(flights: Flights) -> None:
    """Closing lets everybody go, and is no reason not to wait later."""
    boarded(flights, "q", "leader")
    flight = waited_for(flights, "q")
    flights.release()
    assert flight.result() is False
    boarded(flights, "q", "leader")
    waited_for(flights, "q")


def test_a_fork(flights: Flights) -> None:
    """A child process waits for nobody in its parent."""
    boarded(flights, "q", "leader")
    flights.reset()
    assert boarded(flights, "q", "child") is False


def test_a_follower_that_goes(flights: Flights) -> None:
    """One that waits no longer leaves the others waiting."""
    boarded(flights, "q", "leader")
    flight = waited_for(flights, "q")
    flight.give_up()
    flights.stored("q")
    assert flight.result() is True


def test_memory(flights: Flights) -> None:
    """What is remembered of the past is bounded."""
    for number in range(MOST + 10):
        flights.stored(f"stored {number}")
        boarded(flights, f"failed {number}", "leader")
        flights.failed(f"failed {number}")
    assert len(flights._landed) == len(flights._alone) == MOST
    assert flights._flights == flights._leads == {}
