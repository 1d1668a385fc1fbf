"""The network's settings."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import pytest

from sennit.errors import ConfigurationError
from sennit.net.setting import WebSocketOptions, WebSocketSettings


def test_options_are_the_settings() -> None:
    """The keyword arguments of the toolkit's functions are the fields, with their types."""
    hints = get_type_hints(WebSocketSettings)
    assert get_type_hints(WebSocketOptions) == {
        field.name: hints[field.name] for field in fields(WebSocketSettings)
    }


def test_trusted_proxies_are_checked_at_once() -> None:
    """Not when the first client comes; a list will do."""
    proxies: Any = ["127.0.0.1", "unix"]
    WebSocketSettings(trusted_proxies=proxies)
    with pytest.raises(ConfigurationError, match="'localhost' is neither"):
        WebSocketSettings(trusted_proxies=("127.0.0.1", "localhost"))
