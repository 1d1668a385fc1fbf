"""An application that declares nothing: everything is in its configuration."""

from __future__ import annotations

from sennit import App

app = App()
