"""The tests of the documentation share the ground of ``tests/live``: deadlines and ports."""

from tests.live.conftest import new_port, pytest_configure, pytest_runtest_protocol

__all__ = ["new_port", "pytest_configure", "pytest_runtest_protocol"]
