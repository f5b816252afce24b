"""The folder of a route's code, which may bring more than runs on AWS."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Self

from analysis.template import CODE, Stack
from shadowctl.synthesis import app_folder


@dataclass(frozen=True, slots=True)
class RouteFolder:
    """Where a route's code stands on this machine, and its import name below `root`.

    `alias` is the logical id of the route's alias in `stack`.

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
            )
            for stack in Stack.all_of(assembly)
            for alias in stack.all("AWS::Lambda::Alias")
            if (code := alias.metadata(CODE)) is not None
        ]

    def has(self, module: str) -> bool:
        """Whether it brings a module that is not shipped, such as `seed`."""
        return (self.folder / f"{module}.py").is_file()

    def module(self, name: str) -> ModuleType:
        """That module; its imports start at `root`."""
        if (root := str(self.root)) not in sys.path:
            sys.path.insert(0, root)
        return importlib.import_module(f"{self.package}.{name}")
