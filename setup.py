"""The build's one step beyond pyproject.toml: the pages go into the package before it is packed."""

from __future__ import annotations

from typing import ClassVar

from setuptools import Command, setup
from setuptools.command.build import build

from tools.page import PAGES, ROOT, build_pages, page_sources


class BuildPages(Command):
    """Builds the pages in place; setuptools then takes them for package data.

    A step of ``build``, since a failure inside ``build_py`` would be swallowed by an editable
    install.
    """

    description = "build the pages of apps/ into the package"
    user_options: ClassVar[list[tuple[str, str | None, str]]] = []

    build_lib: str | None = None
    editable_mode = False

    def initialize_options(self) -> None:
        """Nothing can be chosen."""

    def finalize_options(self) -> None:
        """Nothing was chosen."""

    def run(self) -> None:
        """Build what is not current."""
        build_pages()

    def get_source_files(self) -> list[str]:
        """Return what belongs into a source distribution."""
        return [str(path.relative_to(ROOT)) for name in PAGES for path in page_sources(name)]

    def get_outputs(self) -> list[str]:
        """Return nothing: ``build_py`` counts the pages among its own."""
        return []

    def get_output_mapping(self) -> dict[str, str]:
        """Return nothing: the pages are where an editable install looks for them."""
        return {}


class Build(build):
    """The build, with the pages first."""

    sub_commands: ClassVar = [("build_pages", None), *build.sub_commands]


setup(cmdclass={"build": Build, "build_pages": BuildPages})
