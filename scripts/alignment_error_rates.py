"""Alignment error rates of two runs, one of each direction, against gold links.

    python scripts/alignment_error_rates.py FORWARD REVERSE GOLD.tsv [--lexicon] [--eflomal]

Each line of GOLD.tsv holds a sentence, its translation and links `i-j` (`ipj` if only possible),
separated by tabs, in the direction of FORWARD; words are separated by spaces. Layer and heads are
chosen by the agreement of the two runs on FORWARD's validation split, without the gold lines. The
given translations are aligned by forced decoding.

The table goes to standard output as Markdown. Its first column names the layer, heads and row read
of FORWARD and of REVERSE, and the method: how links are made from the weights of one direction, or
from the joint weights of both. --lexicon adds a row for joint weights corrected by a lexicon of
what the two models link throughout the training text of FORWARD, which they align first.

--eflomal also aligns the lines with eflomal (Östling & Tiedemann 2016, "Efficient Word Alignment
with Markov Chain Monte Carlo"), which learns from them and the training text of FORWARD, in lower
case and with punctuation separated from words.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2seq.aligning.bidirectional import BidirectionalAligner
from seq2seq.aligning.choose import choose_alignment
from seq2seq.alignment.choose import Candidate
from seq2seq.alignment.config import MIN_LINK_PROBABILITY, AlignmentConfig, LinkMethod
from seq2seq.alignment.error_rate import score_links
from seq2seq.alignment.gold_table import GoldTable, read_gold_table
from seq2seq.alignment.joint import bidirectional_links
from seq2seq.alignment.links import Links, read_pharaoh, swap_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.bundle.locate import saved_config
from seq2seq.bundle.model import Model, load_model
from seq2seq.data.sources.base import Pairs, load_raw
from seq2seq.data.words import tokens_of_characters
from seq2seq.errors import MissingDependencyError, UserError
from seq2seq.evaluation.translate import ignore
from seq2seq.run.logs import configure_logging

ROWS = {"output row": False, "input row": True, "either row": None}
COMBINED = (
    SymmetrizeMethod.intersection,
    SymmetrizeMethod.grow_diag,
    SymmetrizeMethod.grow_diag_final,
    SymmetrizeMethod.grow_diag_final_and,
)
TOKEN = re.compile(r"\w+|[^\w\s]")


def main() -> int:
    arguments = parse_arguments()
    configure_logging()
    try:
        gold = read_gold_table(arguments.gold)
        print("| aligner | links | AER | precision | recall |\n| --- | --- | --- | --- | --- |")
        models = load_model(arguments.forward), load_model(arguments.reverse)
        reported = set()
        for row, use_input_row in ROWS.items():
            choices = choose_alignment(
                arguments.forward,
                arguments.reverse,
                use_input_row=use_input_row,
                lines=arguments.lines,
            )
            chosen = choices[0].choice.candidate, choices[1].choice.candidate
            print(f"{row}: agreement {100 * choices[0].choice.figure:.1f} %", file=sys.stderr)
            if chosen not in reported:  # "either row" may choose what one of the rows did
                reported.add(chosen)
                report_choice(models, chosen, gold)
        if arguments.lexicon:
            report_with_lexicon(models, chosen, arguments.forward, gold)
        if arguments.eflomal:
            report("eflomal", *eflomal_links(arguments.forward, gold), gold)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("forward", type=Path, metavar="FORWARD", help="folder of a run")
    parser.add_argument(
        "reverse", type=Path, metavar="REVERSE", help="folder of a run of the other direction"
    )
    parser.add_argument(
        "gold", type=Path, metavar="GOLD.tsv", help="source, target and links between tabs, from 0"
    )
    parser.add_argument(
        "--lines", type=int, default=1000, help="validation lines to choose by, default %(default)s"
    )
    parser.add_argument(
        "--lexicon",
        action="store_true",
        help="add a row for joint weights with a lexicon of FORWARD's training text",
    )
    parser.add_argument(
        "--eflomal", action="store_true", help="also align with eflomal, which must be installed"
    )
    return parser.parse_args()


def describe(chosen: tuple[Candidate, Candidate]) -> str:
    """Layer, heads and row of both models."""
    return "; ".join(
        f"layer {candidate.layer}, "
        f"{f'head {candidate.heads[0]}' if candidate.heads else 'all heads'}, "
        f"{'input' if candidate.use_input_row else 'output'} row"
        for candidate in chosen
    )


def report_choice(
    models: tuple[Model, Model], chosen: tuple[Candidate, Candidate], gold: GoldTable
) -> None:
    """The table rows of one choice of layer, heads and row for both models."""
    for method in LinkMethod:
        links = []
        for model, candidate, text in zip(
            models, chosen, (gold.pairs, gold.pairs.reversed()), strict=True
        ):
            model.alignment = candidate.applied_to(AlignmentConfig(method=method))
            scored = model.score(text.source, text.target, alignments=True)
            links.append([pair.alignment.links for pair in scored if pair.alignment])
        report(
            f"{describe(chosen)}; {method.value}",
            links[0],
            [swap_links(reverse) for reverse in links[1]],
            gold,
        )
    products = products_of(models, chosen, gold)
    agreed = [bidirectional_links(product, threshold=MIN_LINK_PROBABILITY) for product in products]
    report(f"{describe(chosen)}; joint weights", *map(list, zip(*agreed, strict=True)), gold)


def report_with_lexicon(
    models: tuple[Model, Model], chosen: tuple[Candidate, Candidate], run: Path, gold: GoldTable
) -> None:
    """The table rows of joint weights with a lexicon of the training text of a run."""
    products = products_of(models, chosen, gold)
    _, lexicon = BidirectionalAligner(*models, tokens_of_characters).learn_lexicon(
        training_text(run)
    )
    agreed = [
        bidirectional_links(
            product,
            lexicon.association(source.split(), target.split()),
            threshold=MIN_LINK_PROBABILITY,
        )
        for product, source, target in zip(
            products, gold.pairs.source, gold.pairs.target, strict=True
        )
    ]
    report(
        f"{describe(chosen)}; joint weights with a lexicon",
        *map(list, zip(*agreed, strict=True)),
        gold,
    )


def products_of(
    models: tuple[Model, Model], chosen: tuple[Candidate, Candidate], gold: GoldTable
) -> list[NDArray[np.float32]]:
    """Joint weights of the gold lines; sets the models' alignment options to the choice."""
    for model, candidate in zip(models, chosen, strict=True):
        model.alignment = candidate.applied_to(AlignmentConfig())
    return BidirectionalAligner(*models).joint_weights(gold.pairs, ignore)


@cache
def training_text(run: Path) -> Pairs:
    """The training pairs of a run."""
    return load_raw(saved_config(run).data).train


def report(aligner: str, forward: list[Links], reverse: list[Links], gold: GoldTable) -> None:
    """Print a table row for each direction and each symmetrization."""
    rows = {"forward": forward, "reverse": reverse}
    for method in COMBINED:
        rows[method.value] = [
            symmetrize(*pair, method) for pair in zip(forward, reverse, strict=True)
        ]
    for name, links in rows.items():
        score = score_links(links, gold.links)
        figures = " | ".join(
            f"{100 * figure:.1f}" for figure in (score.aer, score.precision, score.recall)
        )
        print(f"| {aligner} | {name} | {figures} |", flush=True)


def eflomal_links(run: Path, gold: GoldTable) -> tuple[list[Links], list[Links]]:
    """Links of eflomal in both directions, source-target in each."""
    try:
        import eflomal
    except ImportError as error:
        raise MissingDependencyError(
            "--eflomal: needs the package; pip install eflomal (and a C compiler)"
        ) from error
    train = without(gold, training_text(run))
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "forward", Path(folder) / "reverse"
        sides = (
            list(joined(train.source, gold.pairs.source)),
            list(joined(train.target, gold.pairs.target)),
        )
        names = {"links_filename_fwd": str(paths[0]), "links_filename_rev": str(paths[1])}
        eflomal.Aligner().align(*sides, **names)
        forward, reverse = (read_pharaoh(path)[len(train) :] for path in paths)
    return forward, reverse


def without(gold: GoldTable, train: Pairs) -> Pairs:
    """Training pairs without the gold lines, which eflomal reads once."""
    lines = set(zip(gold.pairs.source, gold.pairs.target, strict=True))
    return train.take(
        row
        for row, pair in enumerate(zip(train.source, train.target, strict=True))
        if pair not in lines
    )


def joined(train: Sequence[str], gold: Sequence[str]) -> Iterator[str]:
    """Tokenised training text, then the gold lines with the words that their links count."""
    for line in train:
        yield " ".join(TOKEN.findall(line.lower())) + "\n"
    for line in gold:
        yield " ".join(line.lower().split()) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
