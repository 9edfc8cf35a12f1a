"""What the provider keeps to is read from the message; other forms are left to the model."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents.structured_output import AutoStrategy, ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from langchain_redis_semcache.agents.structured import as_response, native


class City(BaseModel):
    """A city."""

    name: str


PARIS = AIMessage('{"name": "Paris"}')


@pytest.mark.parametrize("form", [City, AutoStrategy(City), ProviderStrategy(City)])
def test_forms(form: Any) -> None:
    """A schema is the provider's where it can be; the answer comes back as an object of it."""
    response = as_response(PARIS, native(form))
    assert response is not None
    assert (response.result, response.structured_response) == ([PARIS], City(name="Paris"))


def test_a_form_by_tool() -> None:
    """A form that is a tool call is no form of text."""
    assert native(ToolStrategy(City)) is None


@pytest.mark.parametrize("text", ["Paris", '{"town": "Paris"}', ""])
def test_another_form(text: str) -> None:
    """What has not the form is not served."""
    assert as_response(AIMessage(text), native(City)) is None
    plain = as_response(AIMessage(text), None)
    assert plain is not None
    assert plain.structured_response is None
