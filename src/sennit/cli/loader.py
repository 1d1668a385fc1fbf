"""Loading what a user has written from its address, like ``module:app``."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.internet.error import ReactorAlreadyInstalledError

from sennit.cli.complaint import Misuse
from sennit.hub.app import App

__all__ = ["CHAT", "load", "load_app"]

CHAT = "sennit.server.chat:app"
"""The app that is served where none is named."""

_IMPORT = (
    __file__,
    importlib.__file__,
    "<frozen importlib._bootstrap>",
    "<frozen importlib._bootstrap_external>",
)
"""Files whose frames say only that a module is imported."""


def load_app(address: str) -> App:
    """Return the app at ``module:attribute``; without an attribute it is called ``app``.

    Raises:
        Misuse: there is none; where the module itself fails, its traceback is written first.
    """
    found = load(address, "app")
    if not isinstance(found, App):
        name, _, attribute = address.partition(":")
        kind = type(found).__name__
        raise Misuse(f"{name}:{attribute or 'app'} is not a sennit.App but a {kind}")
    return found


def load(address: str, default: str) -> Any:
    """Return what is at ``module:attribute``; without an attribute it is called as it is usual.

    Modules are looked for in the current directory first.

    Raises:
        Misuse: there is nothing; where the module itself fails, its traceback is written first.
    """
    name, _, attribute = address.partition(":")
    if not all(name.split(".")) or name.endswith(".py") or "/" in name:
        meant = f"{_name_module(name)}:{attribute or default}"
        raise Misuse(f"{address!r} is not like module:{default}; try {meant}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = _load_module(name, attribute)
    attribute = attribute or default
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise Misuse(f"{name} has no {attribute!r}{_hint_at(module)}") from None
    return found


def _name_module(path: str) -> str:
    """Return the module that somebody may have meant who gave a path."""
    whole = Path(path.removesuffix(".py"))
    if whole.is_relative_to(Path.cwd()):
        whole = whole.relative_to(Path.cwd())
    parts = whole.parts if all(part.isidentifier() for part in whole.parts) else (whole.name,)
    return ".".join(part for part in ".".join(parts).split(".") if part) or "module"


def _load_module(name: str, attribute: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name
        if missing is None or not f"{name}.".startswith(f"{missing}."):
            raise _complain(name, error) from error  # It is one that the module imports.
        head, _, tail = name.rpartition(".")
        hint = f"; or is it {head}:{tail}?" if head and not attribute else ""
        where = f"neither in {Path.cwd()} nor on Python's path"
        raise Misuse(f"there is no module {missing!r}, {where}{hint}") from None
    except ReactorAlreadyInstalledError as error:
        raise Misuse(
            f"{name} installs a reactor of its own, but the server has installed one: leave it "
            "to the server, and choose by --reactor"
        ) from error
    except SystemExit as error:
        # A program rather than a module, as one that ends in twisted.internet.task.react.
        raise Misuse(
            f"{name} cannot be loaded: it ends the program ({error!r}); what only a program "
            'does goes below if __name__ == "__main__":'
        ) from error
    except Exception as error:
        raise _complain(name, error) from error


def _complain(name: str, error: Exception) -> Misuse:
    """Write where a module fails, beginning at its own first frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in _IMPORT:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
    return Misuse(f"{name} cannot be loaded: {type(error).__name__}: {error}")


def _hint_at(module: ModuleType) -> str:
    """Return what may help somebody who looked for another attribute of a module."""
    apps = [name for name, value in vars(module).items() if isinstance(value, App)]
    if apps:
        return f"; try {module.__name__}:{apps[0]}"
    file = getattr(module, "__file__", None)
    return f" (it is {file})" if file else ""  # It may be another one than was thought.
