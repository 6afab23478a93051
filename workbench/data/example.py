"""What a row of data becomes: an example, whatever the file and its format were."""

from dataclasses import dataclass

ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """One example. The loss is taken on `completion` and the end-of-text token, or on every assistant message.

    A conversation has `messages` and neither prompt nor completion; a plain text is a completion without a prompt.
    `line` counts from 1 (rows, where the data has no lines).
    """

    prompt: str
    completion: str
    line: int
    messages: tuple[Message, ...] = ()
