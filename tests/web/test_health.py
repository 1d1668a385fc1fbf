"""Health, as a balancer or a person asks for it."""

from __future__ import annotations

import json

import pytest
from twisted.web.resource import Resource

from sennit.web.health import Health, Status
from tests.web.double import Browser


class Patient:
    """A site with health in it, and how it is.

    Args:
        status: how it is at first.
    """

    def __init__(self, status: Status = "ok") -> None:
        self.status: Status = status
        root = Resource()
        root.putChild(b"health", Health(lambda: self.status))
        self.browser = Browser(root)


@pytest.mark.parametrize(("status", "code"), [("starting", 503), ("ok", 200), ("stopping", 503)])
def test_its_states(status: Status, code: int) -> None:
    """The HTTP status is for a balancer, the body for who wants to know more."""
    found = Patient(status).browser.ask("/health")
    assert found.status == code
    assert found.headers["content-type"] == "application/json"
    assert json.loads(found.body) == {"status": status}
    assert found.body.endswith(b"\n")


def test_it_is_asked_each_time() -> None:
    """And kept by nobody on the way."""
    patient = Patient("starting")
    assert patient.browser.ask("/health").headers["cache-control"] == "no-store"
    patient.status = "ok"
    assert patient.browser.ask("/health").status == 200


def test_head() -> None:
    """It is told the same without the body."""
    found = Patient("stopping").browser.ask("/health", "HEAD")
    assert (found.status, found.body) == (503, b"")
    assert found.headers["content-length"] == str(len(b'{"status": "stopping"}\n'))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_other_methods(method: str) -> None:
    """They are told which ones there are, whatever its state."""
    found = Patient("starting").browser.ask("/health", method)
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")
