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
case and without punctuation at the ends of words.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from eflomal_links import eflomal_links, training_text
from numpy.typing import NDArray

from seq2seq.aligning.bidirectional import BidirectionalAligner
from seq2seq.aligning.choose import choose_alignment
from seq2seq.alignment.choose import AlignmentCandidate
from seq2seq.alignment.config import MIN_LINK_PROBABILITY, AlignmentConfig, LinkMethod, Measure
from seq2seq.alignment.error_rate import score_links
from seq2seq.alignment.gold_table import GoldTable, read_gold_table
from seq2seq.alignment.joint import bidirectional_links
from seq2seq.alignment.links import Links, swap_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.bundle.model import Model, load_model
from seq2seq.data.sources.base import Pairs
from seq2seq.data.words import tokens_of_characters
from seq2seq.errors import UserError
from seq2seq.evaluation.translate import no_progress
from seq2seq.folder.logs import configure_logging

ROWS = {"output row": False, "input row": True, "either row": None}
COMBINED = (
    SymmetrizeMethod.intersection,
    SymmetrizeMethod.grow_diag,
    SymmetrizeMethod.grow_diag_final,
    SymmetrizeMethod.grow_diag_final_and,
)

Models = tuple[Model, Model]
Candidates = tuple[AlignmentCandidate, AlignmentCandidate]


def main() -> int:
    arguments = parse_arguments()
    configure_logging()
    try:
        gold = read_gold_table(arguments.gold)
        print("| aligner | links | AER | precision | recall |\n| --- | --- | --- | --- | --- |")
        models = load_model(arguments.forward), load_model(arguments.reverse)
        reported = set()
        for name, use_input_row in ROWS.items():
            choices = choose_alignment(
                arguments.forward,
                arguments.reverse,
                use_input_row=use_input_row,
                measure=Measure.weights,
                lines=arguments.lines,
            )
            candidates = choices[0].choice.candidate, choices[1].choice.candidate
            print(f"{name}: agreement {100 * choices[0].choice.figure:.1f} %", file=sys.stderr)
            if candidates not in reported:  # "either row" chooses one of the two before it
                reported.add(candidates)
                report_candidates(models, candidates, gold)
        if arguments.lexicon:
            report_with_lexicon(models, candidates, arguments.forward, gold)
        if arguments.eflomal:
            train = training_text(arguments.forward)
            report("eflomal", *eflomal_links(train, gold.pairs), gold)
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


def describe(candidates: Candidates) -> str:
    """The layer, heads and row of each model."""
    parts = []
    for candidate in candidates:
        heads = f"head {candidate.heads[0]}" if candidate.heads else "all heads"
        row = "input row" if candidate.use_input_row else "output row"
        parts.append(f"layer {candidate.layer}, {heads}, {row}")
    return "; ".join(parts)


def report_candidates(models: Models, candidates: Candidates, gold: GoldTable) -> None:
    """The table's rows for a choice of layer, heads and row in each model."""
    for method in LinkMethod:
        forward, reverse = (
            links_of(model, candidate.applied_to(AlignmentConfig(method=method)), pairs)
            for model, candidate, pairs in zip(
                models, candidates, (gold.pairs, gold.pairs.reversed()), strict=True
            )
        )
        swapped = [swap_links(links) for links in reverse]
        report(f"{describe(candidates)}; {method.value}", forward, swapped, gold)
    pairs = [
        bidirectional_links(weights, threshold=MIN_LINK_PROBABILITY)
        for weights in gold_weights(models, candidates, gold)
    ]
    report(f"{describe(candidates)}; joint weights", *map(list, zip(*pairs, strict=True)), gold)


def links_of(model: Model, config: AlignmentConfig, pairs: Pairs) -> list[Links]:
    """The links of one model for each pair."""
    model.alignment = config
    scored = model.score(pairs.source, pairs.target, alignments=True)
    return [translation.alignment.links for translation in scored if translation.alignment]


def report_with_lexicon(models: Models, candidates: Candidates, run: Path, gold: GoldTable) -> None:
    """The table's rows for joint weights with a lexicon of the training text of a run."""
    weights = gold_weights(models, candidates, gold)
    aligner = BidirectionalAligner(*models, tokens_of_characters)
    _, lexicon = aligner.learn_lexicon(training_text(run))
    pairs = [
        bidirectional_links(
            table,
            lexicon.association(source.split(), target.split()),
            threshold=MIN_LINK_PROBABILITY,
        )
        for table, source, target in zip(weights, gold.pairs.source, gold.pairs.target, strict=True)
    ]
    name = f"{describe(candidates)}; joint weights with a lexicon"
    report(name, *map(list, zip(*pairs, strict=True)), gold)


def gold_weights(
    models: Models, candidates: Candidates, gold: GoldTable
) -> list[NDArray[np.float32]]:
    """Joint weights of the gold lines. The models are left with these candidates."""
    for model, candidate in zip(models, candidates, strict=True):
        model.alignment = candidate.applied_to(AlignmentConfig())
    return BidirectionalAligner(*models).joint_weights(gold.pairs, no_progress)


def links_by_direction(
    forward: Sequence[Links], reverse: Sequence[Links], methods: Sequence[SymmetrizeMethod]
) -> dict[str, Sequence[Links]]:
    """Links of each direction as source-target pairs, and of each way to combine them, by name."""
    rows = {"forward": forward, "reverse": reverse}
    for method in methods:
        rows[method.value] = [
            symmetrize(*pair, method) for pair in zip(forward, reverse, strict=True)
        ]
    return rows


def report(aligner: str, forward: list[Links], reverse: list[Links], gold: GoldTable) -> None:
    """A row for each direction, and for each way to combine them."""
    for name, links in links_by_direction(forward, reverse, COMBINED).items():
        score = score_links(links, gold.links)
        figures = " | ".join(
            f"{100 * figure:.1f}" for figure in (score.aer, score.precision, score.recall)
        )
        print(f"| {aligner} | {name} | {figures} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
