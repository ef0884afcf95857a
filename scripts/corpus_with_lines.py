"""Write the training text of a run with the lines of a gold table added, as files to train on.

    python scripts/corpus_with_lines.py RUN GOLD.tsv DIRECTORY [--times 10]

A statistical aligner usually learns from the lines to be aligned as well, without their links. This
script writes train.source and train.target with the gold lines repeated at the end, and the
validation and test text of RUN, and prints the options of train.py that train on these files.
"""

import argparse
import sys
from pathlib import Path

from seq2seq.alignment.gold_table import read_gold_table
from seq2seq.bundle.locate import saved_config
from seq2seq.data.sources.base import load_raw
from seq2seq.data.sources.pairs import Pairs
from seq2seq.errors import UserError
from seq2seq.files import write_lines


def main() -> int:
    arguments = parse_arguments()
    try:
        data = saved_config(arguments.run).data
        raw = load_raw(data)
        lines = read_gold_table(arguments.gold).pairs
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    times = arguments.times
    train = Pairs(raw.train.source + lines.source * times, raw.train.target + lines.target * times)
    source, target = data.languages()
    options = [f"data=files data.source_language={source} data.target_language={target}"]
    for name, pairs in {"train": train, "validation": raw.validation, "test": raw.test}.items():
        for side, text in (("source", pairs.source), ("target", pairs.target)):
            path = arguments.directory / f"{name}.{side}"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_lines(path, text)
            options.append(f"data.{name}.{side}={path}")
    print(" ".join(options))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a run, in the direction of the table"
    )
    parser.add_argument(
        "gold", type=Path, metavar="GOLD.tsv", help="source, target and links between tabs"
    )
    parser.add_argument(
        "directory", type=Path, metavar="DIRECTORY", help="folder to write the files to"
    )
    parser.add_argument(
        "--times", type=int, default=10, help="repetitions of the gold lines, default 10"
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
