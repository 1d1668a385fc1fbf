"""The HTTP side of a port."""

# ruff: noqa: N802, N815 - Twisted's names
from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import IResource
from twisted.web.server import Site

__all__ = ["WebSite"]

# Not in the class: there it would be given the class's name for a namespace.
_log = Logger(namespace="sennit.web")


class WebSite(Site):
    """A ``twisted.web`` site that keeps to itself: requests are logged at ``debug`` only.

    Args:
        root: what is at ``/``.
        reactor: the time.
    """

    noisy = False
    displayTracebacks = False

    def __init__(self, root: IResource, reactor: IReactorTime) -> None:
        Site.__init__(self, root, reactor=reactor)

    def startFactory(self) -> None:
        """Open no log file."""

    def stopFactory(self) -> None:
        """Nothing was opened."""

    def log(self, request: Request) -> None:
        """Log one answered request."""
        _log.debug(
            "{method!a} {uri!a} {code}",
            method=request.method.decode("latin-1"),
            uri=request.uri.decode("latin-1"),
            code=request.code,
        )
