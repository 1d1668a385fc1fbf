"""A raw route's defaults: text in, text out."""

from __future__ import annotations

import pytest

from sennit.hub.app import App
from sennit.model.publication import Publication


def test_default_turns_text_into_json_and_back() -> None:
    """Without handlers, text is a JSON string, and other JSON is shown as it is."""
    route = App().raw("/chat")
    assert route.channel("lobby") == "room:lobby"
    assert route.text_handler(None, "room:lobby", "hi") == "hi"
    assert route.text_of(Publication(b'"hi"')) == "hi"
    assert route.text_of(Publication(b'{"a": 1}')) == '{"a": 1}'
    assert route.text_of(Publication(b"\xff")) is None


def test_handlers_replace_the_defaults() -> None:
    """Both directions can be the application's own."""
    route = App().raw("/chat", namespace="")

    @route.on_text
    def said(_session: object, _channel: str, text: str) -> dict[str, str]:
        return {"text": text}

    @route.to_text
    def shown(publication: Publication) -> str | None:
        return f"> {publication.data.decode()}"

    assert route.channel("lobby") == "lobby"
    assert route.text_handler is said
    assert route.text_of(Publication(b"1")) == "> 1"


@pytest.mark.parametrize("subprotocols", [("chat", "superchat"), ["chat", "superchat"]])
def test_subprotocols_are_kept_in_order(subprotocols: list[str]) -> None:
    """The order is the server's preference."""
    assert App().raw("/x", subprotocols=subprotocols).subprotocols == ("chat", "superchat")
