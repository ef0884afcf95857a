"""The pages for users, and the blocks of code in them.

A block of `sh`, `bash` or `python` is run or checked by a test. A block of another language, or
one after the comment `<!-- not run -->`, is only shown.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "data" / "README.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"(<!-- not run -->\n+)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
SHELL_PREFIX = re.compile(r"^OPTIONS=\$\((.*)\)$")  # the command whose output is kept


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: after the fence; empty for none.
        is_checked: False if the page marks it as only shown.
    """

    page: str
    language: str
    code: str
    is_checked: bool

    def __str__(self) -> str:
        return f"{self.page}: {self.code.splitlines()[0]}"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *languages: str) -> list[Block]:
    """The blocks of a page in one of several languages that are not only shown."""
    text = path.read_text(encoding="utf-8")
    every = [
        Block(name_of(path), name, code, not is_shown)
        for is_shown, name, code in BLOCK.findall(text)
    ]
    return [block for block in every if block.is_checked and block.language in languages]


def example_files() -> dict[str, str]:
    """The content of every file that a page shows: Python code whose first line is `# NAME.py`."""
    code = [block.code for path in PAGES for block in blocks(path, "python")]
    return {match[1]: text for text in code if (match := FILE.match(text))}


def commands(code: str) -> list[str]:
    """The commands of shell code: continued lines joined, comments and empty lines left out."""
    lines = (re.sub(r"\s+#\s.*$", "", line) for line in re.sub(r"\\\n\s*", "", code).splitlines())
    stripped = [line.strip() for line in lines if not line.lstrip().startswith("#")]
    return [SHELL_PREFIX.sub(r"\1", line) for line in stripped if line]


def page_commands() -> list[tuple[str, str]]:
    """The page and the text of every command that users are shown."""
    return [
        (block.page, command)
        for path in PAGES
        for block in blocks(path, "sh", "bash")
        for command in commands(block.code)
    ]
