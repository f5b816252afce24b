"""The folder of a route's code, which may bring more than runs on AWS."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Self

from analysis.template import CODE, Stack
from shadowctl.synthesis import app_folder


@dataclass(frozen=True, slots=True)
class RouteFolder:
    """Where a route's code stands on this machine, and its import name below `root`.

    `packages` are what it shares with others, below `root` or elsewhere. `alias` is the logical id
    of the route's alias in `stack`.

    Example:
        >>> for route in RouteFolder.all_of(Path("cdk.out")):  # doctest: +SKIP
        ...     print(route.package)
        routes.get_user
    """

    stack: str
    alias: str
    folder: Path
    root: Path
    package: str
    packages: tuple[Path, ...]

    @classmethod
    def all_of(cls, assembly: Path) -> list[Self]:
        """Those of an assembly of this app, in the order of its stacks."""
        app = app_folder()
        return [
            cls(
                stack.name,
                alias.logical_id,
                (app / code["folder"]).resolve(),
                (app / code["root"]).resolve(),
                code["package"],
                tuple((app / package).resolve() for package in code["packages"]),
            )
            for stack in Stack.all_of(assembly)
            for alias in stack.all("AWS::Lambda::Alias")
            if (code := alias.metadata(CODE)) is not None
        ]

    def modules(self) -> Iterator[Path]:
        """Every Python file of the route and of its packages, shipped or not."""
        for path in (self.folder, *self.packages):
            yield from path.rglob("*.py") if path.is_dir() else [path]

    def place(self, module: Path) -> str:
        """Where a file of it stands in the code that the functions run."""
        return module.relative_to(self._above(module)).as_posix()

    def origin(self, place: str) -> Path:
        """The file that stands at a place in that code, if it is one of this machine's."""
        first = place.partition("/")[0]
        elsewhere = (path.parent for path in self._elsewhere() if path.name == first)
        return next(elsewhere, self.root) / place

    def _above(self, module: Path) -> Path:
        around = (path.parent for path in self._elsewhere() if module.is_relative_to(path))
        return next(around, self.root)

    def _elsewhere(self) -> Iterator[Path]:
        """Packages that are not below the root: each is imported by its own name."""
        return (path for path in self.packages if not path.is_relative_to(self.root))

    def has(self, module: str) -> bool:
        """Whether it brings a module that is not shipped, such as `seed`."""
        return (self.folder / f"{module}.py").is_file()

    def module(self, name: str) -> ModuleType:
        """That module; its imports start at `root`."""
        if (root := str(self.root)) not in sys.path:
            sys.path.insert(0, root)
        return importlib.import_module(f"{self.package}.{name}")
