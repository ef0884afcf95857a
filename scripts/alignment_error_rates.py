"""How well do two runs, one of each direction, align words that people have aligned?

    python scripts/alignment_error_rates.py FORWARD REVERSE GOLD.tsv [--eflomal]

GOLD.tsv holds a sentence, its translation and links `i-j` (`ipj` if merely possible) between tabs, in the direction of
FORWARD, words between spaces. Layer and heads are chosen by how far the two runs agree on FORWARD's validation split;
the gold lines play no part in it. Given translations are aligned, not those that the models would prefer. The table
goes to standard output as Markdown; its first column has what was chosen for FORWARD and for REVERSE, and the method:
how links are read from the weights of either direction, or from the product of both. --lexicon adds a row for the
product with what the two models link throughout the training text of FORWARD, which they align first.

--eflomal aligns the same lines with eflomal (Östling & Tiedemann 2016, "Efficient Word Alignment with Markov Chain
Monte Carlo"), which learns from the training text of FORWARD together with them, in lower case, with words and
punctuation apart.
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
from seq2seq.data.tokenizer import tokens_of_characters
from seq2seq.errors import MissingDependencyError, UserError
from seq2seq.evaluation.translate import ignore
from seq2seq.run.logs import configure_logging

READINGS = {"naive": False, "use_input_row": True, "either": None}
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
        seen = set()
        for reading, use_input_row in READINGS.items():
            choices = choose_alignment(
                arguments.forward,
                arguments.reverse,
                use_input_row=use_input_row,
                lines=arguments.lines,
            )
            chosen = choices[0].choice.candidate, choices[1].choice.candidate
            print(f"{reading}: agreement {100 * choices[0].choice.figure:.1f} %", file=sys.stderr)
            if chosen not in seen:  # of the two readings free to choose, one may stand in the table
                seen.add(chosen)
                report_reading(models, chosen, gold)
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
        "--lexicon", action="store_true", help="also with a lexicon of FORWARD's training text"
    )
    parser.add_argument(
        "--eflomal", action="store_true", help="also align with eflomal, which must be installed"
    )
    return parser.parse_args()


def describe(chosen: tuple[Candidate, Candidate]) -> str:
    """What is read of either model."""
    heads = (f"head {each.heads[0]}" if each.heads else "all heads" for each in chosen)
    return "; ".join(
        f"layer {each.layer}, {head}, {'use_input_row' if each.use_input_row else 'naive'}"
        for each, head in zip(chosen, heads, strict=True)
    )


def report_reading(
    models: tuple[Model, Model], chosen: tuple[Candidate, Candidate], gold: GoldTable
) -> None:
    """The rows of one layer, choice of heads and reading of either model."""
    for method in LinkMethod:
        found = []
        for model, candidate, text in zip(
            models, chosen, (gold.pairs, gold.pairs.reversed()), strict=True
        ):
            model.alignment = candidate.applied_to(AlignmentConfig(method=method))
            scored = model.score(text.source, text.target, alignments=True)
            found.append([each.alignment.links for each in scored if each.alignment])
        report(
            f"{describe(chosen)}; {method.value}",
            found[0],
            [swap_links(links) for links in found[1]],
            gold,
        )
    products = products_of(models, chosen, gold)
    agreed = [bidirectional_links(product, threshold=MIN_LINK_PROBABILITY) for product in products]
    report(f"{describe(chosen)}; product", *map(list, zip(*agreed, strict=True)), gold)


def report_with_lexicon(
    models: tuple[Model, Model], chosen: tuple[Candidate, Candidate], run: Path, gold: GoldTable
) -> None:
    """The rows of both models together with what they link throughout the training text of a run."""
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
        f"{describe(chosen)}; product with a lexicon", *map(list, zip(*agreed, strict=True)), gold
    )


def products_of(
    models: tuple[Model, Model], chosen: tuple[Candidate, Candidate], gold: GoldTable
) -> list[NDArray[np.float32]]:
    """Of the gold lines, from both models together; they are read as chosen from here on."""
    for model, candidate in zip(models, chosen, strict=True):
        model.alignment = candidate.applied_to(AlignmentConfig())
    return BidirectionalAligner(*models).joint_weights(gold.pairs, ignore)


@cache
def training_text(run: Path) -> Pairs:
    """What a run was trained on."""
    return load_raw(saved_config(run).data).train


def report(aligner: str, forward: list[Links], reverse: list[Links], gold: GoldTable) -> None:
    """A row for each direction, and for each way to combine them."""
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
    """Links of eflomal, both directions source-target as it writes them."""
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
    """Training text without the gold lines, where they stand in it: eflomal is given each of them once."""
    lines = set(zip(gold.pairs.source, gold.pairs.target, strict=True))
    return train.take(
        row
        for row, pair in enumerate(zip(train.source, train.target, strict=True))
        if pair not in lines
    )


def joined(train: Sequence[str], gold: Sequence[str]) -> Iterator[str]:
    """Training text with words and punctuation apart, then the gold lines with the words that are numbered in them."""
    for line in train:
        yield " ".join(TOKEN.findall(line.lower())) + "\n"
    for line in gold:
        yield " ".join(line.lower().split()) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
