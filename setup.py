"""The build's steps beyond pyproject.toml: the pages of ``apps/``, and the native modules."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

from tools.native import SOURCES, built_files, is_strict, native_modules, translate, warning
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


class BuildExtensions(build_ext):
    """Compiles the native modules; one that cannot be compiled is left out, with a warning."""

    def finalize_options(self) -> None:
        """Use every processor, unless something else was asked for."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        """Make C of the sources, and machine code of that; ``CI=true`` makes failures errors."""
        # Cython would make other extensions of these, and drop that they are optional.
        translated = translate(native_modules(), force=bool(self.force))
        for extension in self.extensions:
            extension.sources = [translated[extension.name]]
        super().run()
        built = Path(self.build_lib)
        missing = [one.name for one in self.extensions if not built_files(built, one.name)]
        if missing:
            sys.stderr.write(warning(missing))

    def build_extension(self, ext: Extension) -> None:
        """Compile one; where that fails, what was made of it before is gone."""
        try:
            super().build_extension(ext)
        except Exception:
            for path in built_files(Path(self.build_lib), ext.name):
                path.unlink()
            raise

    def copy_extensions_to_source(self) -> None:
        """Put what was built into ``src``, and let nothing older stay there."""
        for extension in self.extensions:
            for path in built_files(SOURCES, extension.name):
                path.unlink()
        super().copy_extensions_to_source()


setup(
    cmdclass={"build": Build, "build_ext": BuildExtensions, "build_pages": BuildPages},
    ext_modules=[
        Extension(name, [path.relative_to(ROOT).as_posix()], optional=not is_strict())
        for name, path in native_modules().items()
    ],
)
