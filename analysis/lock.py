"""Reading a lock file: requirements with hashes, as `uv pip compile --generate-hashes` has them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?\s*==\s*(?P<version>[^\s;]+)"
    r"\s*(;\s*(?P<marker>.*?))?\s*(?=--hash=)"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_OPTIONS = ("-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links")
"""What a lock may say beside packages: where they are. Another file would be in no hash."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One package, by its normal name, and where it is wanted; SHA-256 of each of its files.

    Example:
        >>> Locked("tzdata", "2026.6", "sys_platform == 'win32'", ("0" * 64,)).purl
        'pkg:pypi/tzdata@2026.6'
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL: https://github.com/package-url/purl-spec."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(lock: Path) -> list[Locked]:
    """Every package that `lock` names.

    Raises:
        ValueError: there is no such file, or it does not lock every package by version and hash.
    """
    if not lock.is_file():
        raise ValueError(
            f"there is no lock file {lock.as_posix()!r}, relative to where the app runs"
        )
    found = []
    for line in _requirements(lock.read_text()):
        pin = _PIN.match(line)
        if pin is None:
            raise ValueError(
                f"{lock.as_posix()} must lock each package by version and hash, as `uv pip compile "
                f"--generate-hashes` does; found {line.partition(' --hash')[0]!r}"
            )
        name = re.sub(r"[-_.]+", "-", pin["name"]).lower()
        hashes = tuple(_HASH.findall(line))
        found.append(Locked(name, pin["version"], (pin["marker"] or "").strip(), hashes))
    return found


def _requirements(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        requirement = re.sub(r"(^|\s)#.*", "", line).strip()
        if requirement and not requirement.startswith(_OPTIONS):
            yield requirement
