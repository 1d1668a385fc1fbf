"""The network's settings."""

from __future__ import annotations

from dataclasses import fields
from typing import get_type_hints

from sennit.net.setting import WebSocketOptions, WebSocketSettings


def test_options_are_the_settings() -> None:
    """The keyword arguments of the toolkit's functions are the fields, with their types."""
    hints = get_type_hints(WebSocketSettings)
    assert get_type_hints(WebSocketOptions) == {
        field.name: hints[field.name] for field in fields(WebSocketSettings)
    }
