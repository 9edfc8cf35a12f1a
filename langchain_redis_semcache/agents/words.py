"""What stands for a whole run, or for one tool call, in the two strings that a cache is asked.

Rule of this module: whatever can change the answer is in the strings, and the question is the last
human message, as in any other call of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin, get_type_hints

from langchain.agents.middleware import ModelRequest
from langchain.agents.structured_output import ProviderStrategy
from langchain.tools import InjectedToolArg, ToolRuntime
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.config import get_config

from .._signals import let_through

__all__ = ["Words", "agent_name", "is_told_more", "run_words", "tool_words"]

Words = tuple[str, str]
"""The `prompt` and the `llm_string` of a lookup and an update."""


def run_words(
    request: ModelRequest[Any],
    model: BaseChatModel,
    messages: Sequence[BaseMessage],
    declared: Sequence[str],
    form: ProviderStrategy[Any] | None = None,
) -> Words:
    """Return the words of a run that begins with these messages."""
    shown = list(messages)
    if request.system_message is not None:
        shown.insert(0, request.system_message)
    parameters: dict[str, Any] = {
        **request.model_settings,
        "tools": [_schema(tool) for tool in request.tools],
        # No call of a model is answered by a run, and no run by one in which other tools may be
        # repeated from the cache.
        "agent_run": (agent_name(), tuple(declared)),
    }
    if form is not None:
        parameters.update(form.to_model_kwargs())
    if request.tool_choice is not None:
        parameters["tool_choice"] = request.tool_choice
    # LangChain's note would outlive a change of the model's own parameters (langchain issue 39598).
    model.__dict__.pop("_serialized", None)
    return _dumped(shown), model._get_llm_string(stop=None, **parameters)


def tool_words(name: str, arguments: dict[str, Any], tool: BaseTool) -> Words:
    """Return the words of a tool call; without a human message only an identical one matches."""
    call = AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": ""}])
    return _dumped([call]), str([("tool_result", _schema(tool))])


def is_told_more(tool: BaseTool) -> bool:
    """Tell whether a tool is given more than the model's arguments: the state, the runtime, ..."""
    # Where its schema was given by hand, the schemas are one, and only the tool itself knows.
    if getattr(tool, "_injected_args_keys", None) or _takes_more(tool):
        return True
    asked, given = (
        getattr(schema, "model_fields", None)
        for schema in (tool.tool_call_schema, tool.get_input_schema())
    )
    return asked is not None and given is not None and asked.keys() != given.keys()


def _takes_more(tool: BaseTool) -> bool:
    """Ask the function as a graph does: older tools do not read types that are strings."""
    for function in (getattr(tool, "func", None), getattr(tool, "coroutine", None)):
        try:
            hints = {} if function is None else get_type_hints(function, include_extras=True)
        except Exception as error:  # what cannot be read may be anything
            let_through(error)
            return True
        if "runtime" in hints or any(map(_is_given_by_the_graph, hints.values())):
            return True
    return False


def _is_given_by_the_graph(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    if isinstance(kind, InjectedToolArg):
        return True
    if isinstance(kind, type) and issubclass(kind, (InjectedToolArg, ToolRuntime)):
        return True
    return any(map(_is_given_by_the_graph, get_args(annotation)))


def agent_name() -> str | None:
    """Return the name of the agent, which its messages carry."""
    try:
        metadata = get_config().get("metadata") or {}
    except RuntimeError:  # outside of a graph
        return None
    name = metadata.get("lc_agent_name")
    return name if isinstance(name, str) else None


def _dumped(messages: Sequence[BaseMessage]) -> str:
    return dumps([m if m.id is None else m.model_copy(update={"id": None}) for m in messages])


def _schema(tool: BaseTool | dict[str, Any]) -> dict[str, Any]:
    return tool if isinstance(tool, dict) else convert_to_openai_tool(tool)
