"""Choosing and installing the reactor."""

# ruff: noqa: PLC0415 - importing these modules is choosing
from __future__ import annotations

import asyncio
import importlib
import sys
from importlib.util import find_spec
from typing import Any

from sennit.cli.complaint import Complaint, Misuse
from sennit.server.configuration import ReactorName

__all__ = ["install_reactor"]


def install_reactor(name: ReactorName) -> Any:
    """Install a reactor and return it.

    ``auto`` is asyncio's on uvloop where that is installed, else asyncio's own.

    Raises:
        Complaint: there is no such reactor here, or one is installed already.
    """
    if "twisted.internet.reactor" in sys.modules:
        raise Complaint("another reactor is installed already")
    if name == "auto":
        name = "asyncio" if find_spec("uvloop") is None else "uvloop"
    try:
        if name in ("asyncio", "uvloop"):
            _install_asyncio(name)
        elif name == "sennit":
            importlib.import_module("sennit.net.reactor").install()
        else:
            importlib.import_module(f"twisted.internet.{name}reactor").install()
    except (ImportError, AttributeError) as error:
        # AttributeError: select.epoll and select.poll are not everywhere.
        raise Misuse(f"there is no {name} reactor here: {error}") from error
    from twisted.internet import reactor

    return reactor


def _install_asyncio(name: str) -> None:
    loop: asyncio.AbstractEventLoop
    if name == "uvloop":
        loop = importlib.import_module("uvloop").new_event_loop()
        from sennit.cli.uvloop_reactor import install
    else:
        from twisted.internet.asyncioreactor import install

        loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    install(loop)
