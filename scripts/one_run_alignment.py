"""Alignment error rates of single runs, which differ in their seeds, against gold links.

    python scripts/one_run_alignment.py GOLD.tsv RUN [RUN ...] [--statistical] [--eflomal]

Each line of GOLD.tsv holds a sentence, its translation and links `i-j` (`ipj` if only possible),
separated by tabs; words are separated by spaces. The given translations are aligned by forced
decoding, from source to target. The table goes to standard output as Markdown, with means over the
runs, and the standard deviation of the error rate:

    as configured     what `seq2seq align` writes, and the same after HMM smoothing
    best by weights   of all layers, heads and rows that with the least error here; `norm` likewise.
                      They are chosen by the gold links: how good a reading of this run can be.
    statistical       with --statistical, `seq2seq align statistical` over the training text of the
                      first run and these lines
    eflomal           with --eflomal, which must be installed, over the same text

Which layer, heads and row were the best is printed to standard error.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from alignment_error_rates import links_by_direction
from eflomal_links import eflomal_links, training_text, with_lines

from seq2seq.alignment.choose import choose_by_gold
from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.alignment.error_rate import AlignmentScore, score_links
from seq2seq.alignment.gold_table import GoldTable, read_gold_table
from seq2seq.alignment.links import Links
from seq2seq.alignment.statistical_links import TOTAL_ROUNDS, plain_words, statistical_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.bundle.model import Model, load_model
from seq2seq.data.sources.base import Pairs
from seq2seq.errors import UserError
from seq2seq.evaluation.candidates import candidate_links, measures_of
from seq2seq.folder.logs import configure_logging
from seq2seq.progress import ProgressReport

METHODS = (LinkMethod.argmax, LinkMethod.chain)
COMBINED = (SymmetrizeMethod.intersection, SymmetrizeMethod.grow_diag)

Row = tuple[str, AlignmentScore]


def main() -> int:
    arguments = parse_arguments()
    configure_logging()
    try:
        gold = read_gold_table(arguments.gold)
        print("| links of | AER | precision | recall |\n| --- | --- | --- | --- |")
        readings = [list(readings_of(run, gold)) for run in arguments.runs]
        for rows in zip(*readings, strict=True):
            print_row(rows[0][0], [score for _, score in rows])
        train = training_text(arguments.runs[0])
        for name, wanted, align in (
            ("statistical", arguments.statistical, aligner_links),
            ("eflomal", arguments.eflomal, eflomal_links),
        ):
            if wanted:
                print_directions(name, *align(train, gold.pairs), gold)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "gold", type=Path, metavar="GOLD.tsv", help="source, target and links between tabs, from 0"
    )
    parser.add_argument("runs", type=Path, metavar="RUN", nargs="+", help="folders of runs")
    parser.add_argument("--statistical", action="store_true", help="also the statistical aligner")
    parser.add_argument("--eflomal", action="store_true", help="also eflomal")
    return parser.parse_args()


def readings_of(run: Path, gold: GoldTable) -> Iterator[Row]:
    """The scores of every reading of a run, always in the same order."""
    model = load_model(run)
    configured = replace(model.alignment, heatmaps=AlignmentConfig().heatmaps, all_layers=False)
    for method in METHODS:
        yield scored(f"as configured, {method.value}", model, configured, method, gold)
    for measure in measures_of(model.models[0]):
        links = candidate_links(
            model.models[0],
            model.tokenizers,
            gold.pairs.source,
            gold.pairs.target,
            measures=(measure,),
        )
        choice = choose_by_gold(links, gold.links)
        print(f"{run}: best by {measure.value}: {choice.candidate}", file=sys.stderr)
        best = choice.candidate.applied_to(AlignmentConfig())
        for method in METHODS:
            name = f"best by {measure.value}, {method.value}"
            yield scored(name, model, best, method, gold)


def scored(
    name: str, model: Model, config: AlignmentConfig, method: LinkMethod, gold: GoldTable
) -> Row:
    """The score of the links by one configuration."""
    model.alignment = replace(config, method=method, threshold=AlignmentConfig().threshold)
    aligned = model.score(gold.pairs.source, gold.pairs.target, alignments=True)
    links = [translation.alignment.links for translation in aligned if translation.alignment]
    return name, score_links(links, gold.links)


def aligner_links(train: Pairs, lines: Pairs) -> tuple[list[Links], list[Links]]:
    """Links of the statistical aligner for lines, both directions as source-target pairs."""
    text = with_lines(train, lines)
    sides = ([plain_words(line) for line in side] for side in (text.source, text.target))
    with ProgressReport("aligning", TOTAL_ROUNDS, unit=" rounds") as report:
        pairs = statistical_links(*sides, COMBINED[0], progress=report.advance)[-len(lines) :]
    return [pair.forward for pair in pairs], [pair.reverse for pair in pairs]


def print_directions(
    name: str, forward: Sequence[Links], reverse: Sequence[Links], gold: GoldTable
) -> None:
    """A row for each direction, and for each way to combine them."""
    for direction, links in links_by_direction(forward, reverse, COMBINED).items():
        print_row(f"{name}, {direction}", [score_links(links, gold.links)])


def print_row(name: str, scores: Sequence[AlignmentScore]) -> None:
    """Means over runs in %, with the standard deviation of the error rate if there are several."""
    figures = 100 * np.array([[score.aer, score.precision, score.recall] for score in scores])
    means = [f"{figure:.1f}" for figure in figures.mean(0)]
    if len(scores) > 1:
        means[0] += f" ± {figures[:, 0].std(ddof=1):.1f}"
    print(f"| {name} | {' | '.join(means)} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
