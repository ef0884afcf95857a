"""Write a gold table of the links that both directions of eflomal have, as a stand-in for gold.

    python scripts/eflomal_links.py RUN GOLD.tsv [--lines 600]

The first lines of the validation text of RUN are aligned with eflomal (Östling & Tiedemann 2016,
"Efficient Word Alignment with Markov Chain Monte Carlo"), which learns from them and the training
text of RUN. Words are compared in lower case and without punctuation at their ends, as by `seq2seq
align statistical`. GOLD.tsv gets a sentence, its translation and the links of both directions,
separated by tabs. eflomal samples: another run gives slightly other links.
"""

import argparse
import sys
import tempfile
from functools import cache
from pathlib import Path

from seq2seq.alignment.links import Links, format_links, read_pharaoh
from seq2seq.alignment.statistical_links import plain_words
from seq2seq.bundle.files import held_out_split, load_bundle
from seq2seq.bundle.locate import saved_config
from seq2seq.data.sources.base import Pairs, load_raw
from seq2seq.errors import MissingDependencyError, UserError
from seq2seq.files import write_lines


def main() -> int:
    arguments = parse_arguments()
    try:
        pairs = held_out_split(load_bundle(arguments.run), "validation").first(arguments.lines)
        forward, reverse = eflomal_links(training_text(arguments.run), pairs)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    rows = zip(pairs.source, pairs.target, forward, reverse, strict=True)
    write_lines(
        arguments.gold,
        [
            "\t".join([" ".join(source.split()), " ".join(target.split()), format_links(a & b)])
            for source, target, a, b in rows
        ],
    )
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("gold", type=Path, metavar="GOLD.tsv", help="file to write")
    parser.add_argument(
        "--lines", type=int, default=600, help="validation lines, default %(default)s"
    )
    return parser.parse_args()


@cache
def training_text(run: Path) -> Pairs:
    """The training pairs of a run."""
    return load_raw(saved_config(run).data).train


def with_lines(train: Pairs, lines: Pairs) -> Pairs:
    """Training text without these lines, and then these lines once."""
    given = set(zip(lines.source, lines.target, strict=True))
    rest = train.take(
        row
        for row, pair in enumerate(zip(train.source, train.target, strict=True))
        if pair not in given
    )
    return Pairs([*rest.source, *lines.source], [*rest.target, *lines.target])


def eflomal_links(train: Pairs, lines: Pairs) -> tuple[list[Links], list[Links]]:
    """Links of eflomal for lines, both directions as source-target pairs, as it writes them."""
    try:
        import eflomal
    except ImportError as error:
        raise MissingDependencyError(
            "eflomal: needs the package; pip install eflomal (and a C compiler)"
        ) from error
    text = with_lines(train, lines)
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "forward", Path(folder) / "reverse"
        sides = (
            [" ".join(plain_words(line)) + "\n" for line in side]
            for side in (text.source, text.target)
        )
        names = {"links_filename_fwd": str(paths[0]), "links_filename_rev": str(paths[1])}
        eflomal.Aligner().align(*map(list, sides), **names)
        forward, reverse = (read_pharaoh(path)[-len(lines) :] for path in paths)
    return forward, reverse


if __name__ == "__main__":
    raise SystemExit(main())
