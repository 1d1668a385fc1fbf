"""Two people who talk while somebody else misbehaves: a server serves them all the while."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.live.client import Caller

__all__ = ["Bystanders", "Speech", "in_the_chat"]

Speech = Callable[[str], tuple[str, dict[str, Any]]]
"""Returns the rpc method and its parameters by which something is said in the room."""

ROOM = "bystanders"
LONGEST = 3.0
"""Seconds that a message may take; far above what a busy machine needs."""
AFTERWARDS = 3
"""Messages that must still arrive when all is over."""


def in_the_chat(text: str) -> tuple[str, dict[str, Any]]:
    """Say something in the chat."""
    return "chat.send", {"id": text, "room": ROOM, "text": text}


class Bystanders:
    """Ann, who counts aloud, and Ben, who hears each number once and in order.

    They are connected before anything else happens, and talk from a thread of their own.

    Args:
        port: where their server is.
        speech: how Ann says something; what Ben hears has it as its ``text``.
    """

    def __init__(self, port: int, speech: Speech = in_the_chat) -> None:
        self._speech = speech
        self._name = uuid.uuid4().hex
        self._ann = Caller(port, "Ann")
        self._ben = Caller(port, "Ben")
        for person in (self._ann, self._ben):
            person.call("subscribe", channel=f"room:{ROOM}")
        self._over = threading.Event()
        self._heard = 0
        self._slowest = 0.0
        self._failure: BaseException | None = None
        self._exchange()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Check that they still talk, and that no message was lost, late or out of order."""
        wanted = self._heard + AFTERWARDS
        deadline = time.monotonic() + AFTERWARDS * LONGEST
        while self._heard < wanted and self._failure is None and time.monotonic() < deadline:
            time.sleep(0.005)
        self.stop()
        if self._failure is not None:
            raise AssertionError("the bystanders were not served") from self._failure
        assert self._heard >= wanted
        assert self._slowest < LONGEST, f"a message took {self._slowest:.1f} seconds"

    def stop(self) -> None:
        """Let them go."""
        self._over.set()
        self._thread.join(LONGEST)
        for person in (self._ann, self._ben):
            person.socket.close()

    def _talk(self) -> None:
        try:
            while not self._over.wait(0.002):
                self._exchange()
        except BaseException as error:
            self._failure = error

    def _exchange(self) -> None:
        begun = time.monotonic()
        text = f"{self._name} {self._heard + 1}"
        method, params = self._speech(text)
        self._ann.rpc(method, params)
        for person in (self._ann, self._ben):
            assert person.publication()["text"] == text
        self._heard += 1
        self._slowest = max(self._slowest, time.monotonic() - begun)
