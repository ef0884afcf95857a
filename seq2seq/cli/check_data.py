"""`seq2seq check-data`: is this parallel text what it should be?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.cli.lines import counted
from seq2seq.data.text_files import decode_line, open_text
from seq2seq.errors import DataError

MAX_SHOWN = 20


def check_data(
    source: Annotated[Path, typer.Option(help="Sentences, one a line.", show_default=False)],
    target: Annotated[Path, typer.Option(help="Their translations.", show_default=False)],
) -> None:
    """List every line of two files that training would refuse; exit code 1 if there is any."""
    sides = TextFile(source), TextFile(target)
    problems = [problem for side in sides for problem in side.problems]
    numbers = [len(side.lines) for side in sides]
    if numbers[0] != numbers[1]:
        problems.append(
            f"{source} has {counted(numbers[0], 'line')} and {target} "
            f"{counted(numbers[1], 'line')}; line n of both must be a pair"
        )
    for side in sides:
        print(side.summary())
    for fact in pair_facts(*sides) if not problems else ():
        print(fact)
    if problems:
        shown = problems[:MAX_SHOWN]
        if len(problems) > MAX_SHOWN:
            shown.append(f"and {len(problems) - MAX_SHOWN:,} more")
        raise DataError("\n  ".join([counted(len(problems), "problem"), *shown]))
    print("no problems")


class TextFile:
    """A file read to its end, whatever is in it.

    Attributes:
        lines: None for a line that cannot be used.
        problems: of these lines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str | None] = []
        self.problems: list[str] = []
        with open_text(path) as file:
            try:
                for number, raw in enumerate(file.raw_lines(), 1):
                    self.read(raw, number)
            except DataError as error:
                self.problems.append(str(error))
        if not self.lines:
            self.problems.append(f"{path}: is empty; at least one line is needed")

    def read(self, raw: bytes, number: int) -> None:
        try:
            self.lines.append(decode_line(raw, str(self.path), number))
        except DataError as error:
            self.lines.append(None)
            self.problems.append(str(error))

    def summary(self) -> str:
        words = {
            number: len(line.split())
            for number, line in enumerate(self.lines, 1)
            if line is not None
        }
        facts = [counted(len(self.lines), "line")]
        if words:
            longest = max(words, key=words.__getitem__)
            facts.append(counted(list(words.values()).count(0), "empty line"))
            facts.append(f"{sum(words.values()) / len(words):.1f} words a line")
            facts.append(f"at most {words[longest]:,} (line {longest:,})")
        return f"{self.path}: {', '.join(facts)}"


def pair_facts(source: TextFile, target: TextFile) -> Iterator[str]:
    """Pairs that repeat an earlier one, and pairs whose sides are equal."""
    pairs = list(zip(source.lines, target.lines, strict=True))
    repeated = len(pairs) - len(set(pairs))
    if repeated:
        yield f"{counted(repeated, 'pair repeats', 'pairs repeat')} an earlier one"
    equal = [row for row, (left, right) in enumerate(pairs, 1) if left and left == right]
    if equal:
        first = ", ".join(map(str, equal[:5]))
        count = counted(len(equal), "pair is", "pairs are")
        yield f"{count} the same on both sides, such as line {first}"
