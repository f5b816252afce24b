"""The app's own file: where it is, what is in it, and the two lines for another stack."""

import ast
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from shadowctl.synthesis import command


@dataclass(frozen=True, slots=True)
class AppFile:
    """What runs as the app: `app` and `platform` are names in it, `""` where it has none.

    Example:
        >>> AppFile.of(Path(".")).platform
        'platform'
    """

    path: Path
    text: str
    app: str
    platform: str
    end: int
    """The line that synthesizes; 0 where there is none at the top level."""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """That of the app in `folder`, as its cdk.json names it.

        Raises:
            SynthesisError: there is no cdk.json, or it names no app.
        """
        words = shlex.split(command(folder)[-1])
        path = folder / next((word for word in words if word.endswith(".py")), "app.py")
        text = path.read_text() if path.is_file() else ""
        try:
            body = ast.parse(text).body
        except SyntaxError:
            body = []
        made = {}
        for node in body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function)):
                    made[ast.unparse(function).rpartition(".")[2]] = name
        app = made.get("App", "")
        ends = [n.lineno for n in body if app and ast.unparse(n).startswith(f"{app}.synth(")]
        return cls(path, text, app, made.get("Platform", ""), [*ends, 0][0])

    def lines(self, module: str, stack: str, *, shares: bool) -> tuple[str, str]:
        """The import of a stack, and its statement; one that `shares` is given the platform."""
        given = f", platform={self.platform}" if shares else ""
        app = self.app or "app"
        return f"from stacks.{module} import {stack}", f'{stack}({app}, "{stack}"{given})'

    def edited(self, lines: tuple[str, str]) -> str:
        """The text with both lines; `""` where it is not clear where they belong."""
        if not self.end:
            return ""
        written = self.text.splitlines()
        imported, statement = lines
        written.insert(self.end - 1, statement)
        imports = [
            (node.end_lineno or node.lineno, ast.unparse(node))
            for node in ast.parse(self.text).body
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        beside = [(at, text) for at, text in imports if re.match(r"from stacks\b", text)]
        before = [at for at, text in beside if text < imported]
        if beside and not before:
            at = beside[0][0] - 1
        else:
            at = (before or [at for at, _ in imports])[-1]
        written[at:at] = [imported] if beside else ["", imported]
        return "\n".join([*written, ""])
