"""Health: whether this server takes clients, for what stands before it."""

# ruff: noqa: N815 - Twisted reads this attribute
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

from twisted.web.resource import Resource
from twisted.web.server import Request

from sennit.web.answer import READING, answer
from sennit.web.notice import wrong_method

__all__ = ["Health", "Status"]

Status = Literal["starting", "ok", "stopping"]


class Health(Resource):
    """Answers ``{"status": "ok"}`` with 200, and anything else with 503.

    Args:
        status: says how it is.
    """

    isLeaf = True

    def __init__(self, status: Callable[[], Status]) -> None:
        Resource.__init__(self)
        self._status = status

    def render(self, request: Request) -> bytes:
        """Answer GET and HEAD."""
        if request.method not in READING:
            return wrong_method().render(request)
        status = self._status()
        return answer(
            request,
            json.dumps({"status": status}).encode() + b"\n",
            status=200 if status == "ok" else 503,
            kind="application/json",
        )
