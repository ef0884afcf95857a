"""`seq2seq check-data`: is this parallel text what it should be?"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.cli.lines import counted
from seq2seq.data.reader import decode_line, open_binary
from seq2seq.errors import DataError

MOST_SHOWN = 20


def check_data(
    source: Annotated[Path, typer.Option(help="Sentences, one a line.", show_default=False)],
    target: Annotated[Path, typer.Option(help="Their translations.", show_default=False)],
) -> None:
    """Read two files as strictly as training does, and tell every line that cannot be used; exit code 1 if any."""
    sides = TextFile(source), TextFile(target)
    problems = [problem for side in sides for problem in side.problems]
    numbers = [len(side.lines) for side in sides]
    if numbers[0] != numbers[1]:
        problems.append(
            f"{source} has {counted(numbers[0], 'line')} and {target} {counted(numbers[1], 'line')}; "
            "line n of one must belong to line n of the other"
        )
    for side in sides:
        print(side.summary())
    for fact in pair_facts(*sides) if not problems else ():
        print(fact)
    if problems:
        shown = problems[:MOST_SHOWN]
        rest = [f"and {len(problems) - MOST_SHOWN:,} more"] if len(problems) > MOST_SHOWN else []
        raise DataError("\n  ".join([counted(len(problems), "problem"), *shown, *rest]))
    print("no problems")


class TextFile:
    """One file, read to its end whatever is in it. lines: None where a line cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str | None] = []
        self.problems: list[str] = []
        with open_binary(path) as stream:
            try:
                for number, raw in enumerate(stream, 1):
                    self.read(raw, number)
            except (EOFError, OSError) as error:
                self.problems.append(
                    f"{path}:{len(self.lines) + 1}: cannot be read further ({error})"
                )
        if not self.lines:
            self.problems.append(f"{path}: is empty; at least one line is needed")

    def read(self, raw: bytes, number: int) -> None:
        try:
            self.lines.append(decode_line(raw, self.path, number))
        except DataError as error:
            self.lines.append(None)
            self.problems.append(str(error))

    def summary(self) -> str:
        words = {
            number: len(line.split())
            for number, line in enumerate(self.lines, 1)
            if line is not None
        }
        told = [counted(len(self.lines), "line")]
        if words:
            longest = max(words, key=words.__getitem__)
            told.append(counted(list(words.values()).count(0), "empty line"))
            told.append(f"{sum(words.values()) / len(words):.1f} words a line")
            told.append(f"at most {words[longest]:,} (line {longest:,})")
        return f"{self.path}: {', '.join(told)}"


def pair_facts(source: TextFile, target: TextFile) -> Iterator[str]:
    """What had better be known about the pairs."""
    pairs = list(zip(source.lines, target.lines, strict=True))
    repeated = len(pairs) - len(set(pairs))
    if repeated:
        yield f"{counted(repeated, 'pair repeats', 'pairs repeat')} an earlier one"
    same = [number for number, (one, other) in enumerate(pairs, 1) if one and one == other]
    if same:
        first = ", ".join(map(str, islice(same, 5)))
        yield f"{counted(len(same), 'pair is', 'pairs are')} the same on both sides, such as line {first}"
