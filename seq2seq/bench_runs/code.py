"""Which code trained a run: a hash of its sources, and the commit if there is one."""

import hashlib
import subprocess
from pathlib import Path

OWN_SOURCES = Path(__file__).parents[1]
SOURCES = ("*.py", "*.yaml")


def sources_of(checkout: str | None) -> Path:
    """The package of a checkout, or this one."""
    return OWN_SOURCES if checkout is None else Path(checkout) / "seq2seq"


def sources_sha256(package: Path) -> str:
    """One hash over names and contents of a package's modules and configuration files.

    The configuration files lie in the package, or beside it in a checkout.
    """
    digest = hashlib.sha256()
    for root in (package, package.parent / "conf"):
        files = {file for pattern in SOURCES for file in root.rglob(pattern)}
        for file in sorted(files):
            name = file.relative_to(package.parent).as_posix()
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def commit_of(package: Path) -> str | None:
    """The commit of the checkout that a package lies in, with "+" where files were changed."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            cwd=package.parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip() or None
