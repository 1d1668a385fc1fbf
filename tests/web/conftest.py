"""The hub's fixture, for what the web reaches into it."""

from tests.hub.conftest import house

__all__ = ["house"]
