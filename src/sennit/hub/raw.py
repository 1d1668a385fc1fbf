"""A raw route: a path where plain WebSockets, without an SDK, talk to a channel."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from sennit.errors import ConfigurationError
from sennit.model.publication import Publication

__all__ = ["RawRoute"]

Handler = TypeVar("Handler", bound=Callable[..., Any])
ToText = TypeVar("ToText", bound=Callable[[Publication], str | None])


class RawRoute:
    """How text goes into a channel and comes out of it. Made by :meth:`sennit.App.raw`.

    Without handlers a text message is published as a JSON string, and a publication is written
    as its text if it is a JSON string, else as its JSON.

    Args:
        path: the path of the URL.
        subprotocols: those it speaks, in order of preference; a client that offers none is
            accepted without one.
        namespace: that of its channels.
        parameter: the query parameter that names the channel within the namespace.
        default: the channel where the parameter is missing.

    Raises:
        ConfigurationError: the path does not begin with ``/``.
    """

    def __init__(
        self,
        path: str,
        subprotocols: tuple[str, ...],
        namespace: str,
        parameter: str,
        default: str,
    ) -> None:
        if not path.startswith("/"):
            raise ConfigurationError(f"a raw path begins with /, not like {path!r}")
        self.path = path
        self.subprotocols = subprotocols
        self.namespace = namespace
        self.parameter = parameter
        self.default = default
        self.text_handler: Callable[..., Any] = _publish_text
        self.text_of: Callable[[Publication], str | None] = _text_of

    def channel(self, name: str) -> str:
        """Return the channel for a value of the parameter."""
        return f"{self.namespace}:{name}" if self.namespace else name

    def on_text(self, handler: Handler) -> Handler:
        """Turn a text message into a payload: ``handler(session, channel, text)``.

        What it returns is published by the session; ``None`` publishes nothing. It refuses with
        ``ReplyError`` or ``Disconnect``.
        """
        self.text_handler = handler
        return handler

    def to_text(self, function: ToText) -> ToText:
        """Turn a publication into the text for the client: ``function(publication)``.

        A plain function, called once per publication, not per client. ``None`` sends nothing.
        """
        self.text_of = function
        return function


def _publish_text(_session: object, _channel: str, text: str) -> str:
    return text


def _text_of(publication: Publication) -> str | None:
    try:
        value = json.loads(publication.data)
    except ValueError:
        return None
    return value if isinstance(value, str) else publication.data.decode()
