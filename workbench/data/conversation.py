"""Conversations: a list of {role, content}, or ShareGPT's {from, value}."""

from collections.abc import Callable
from typing import Any

from workbench.data.example import ASSISTANT, Message
from workbench.nearest import nearest

# What ShareGPT calls the roles that chat templates know.
_SPEAKERS = {"human": "user", "user": "user", "gpt": ASSISTANT, "assistant": ASSISTANT, "system": "system"}


def read_conversation(value: list[dict[str, Any]]) -> tuple[Message, ...]:
    """The messages of a conversation without a fault."""
    return tuple(_message(item) for item in value)


def conversation_fault(key: str, value: Any, text_fault: Callable[[str, Any], str]) -> str:
    """Why a value is not a conversation that can be trained on; empty when it is one."""
    if not isinstance(value, list):
        return f"'{key}' is {type(value).__name__}, a list of messages is expected"
    for index, item in enumerate(value):
        if fault := _message_fault(f"{key}[{index}]", item, text_fault):
            return fault
    messages = read_conversation(value)
    if not any(message.role == ASSISTANT for message in messages):
        return f"'{key}' has no message of the assistant: nothing to learn"
    if messages[0].role == ASSISTANT:
        return f"'{key}' starts with the assistant: a message of the user or the system comes first"
    return ""


def _message(item: dict[str, Any]) -> Message:
    if "role" in item:
        return Message(item["role"], item["content"])
    return Message(_SPEAKERS[item["from"]], item["value"])


def _message_fault(place: str, item: Any, text_fault: Callable[[str, Any], str]) -> str:
    if not isinstance(item, dict):
        return f"'{place}' is {type(item).__name__}, an object with role and content is expected"
    role, content = ("role", "content") if "role" in item or "from" not in item else ("from", "value")
    for key in (role, content):
        if key not in item:
            return f"'{place}' lacks '{key}'"
        if fault := text_fault(f"{place}.{key}", item[key]):
            return fault
    if role == "from" and item["from"] not in _SPEAKERS:
        return f"'{place}.from' is '{item['from']}': {nearest(item['from'], _SPEAKERS)}"
    return ""
