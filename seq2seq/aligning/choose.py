"""Choosing the layer, heads and row that a run's alignments are read from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seq.alignment.choose import (
    AlignmentCandidate,
    CandidateLinks,
    Choice,
    choose_by_agreement,
    choose_by_gold,
)
from seq2seq.alignment.config import Measure
from seq2seq.alignment.extract import mechanism
from seq2seq.alignment.links import GoldLinks, ensure_bounds, read_gold, swap_gold
from seq2seq.attention.config import Role
from seq2seq.bundle.device import find_device
from seq2seq.bundle.files import Bundle, held_out_split, load_bundle
from seq2seq.bundle.together import Member, Together, ensure_together, marks_sources
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import ConfigError
from seq2seq.evaluation.candidates import candidate_links, layers_with_weights, measures_of
from seq2seq.progress import ProgressReport


@dataclass(frozen=True)
class Gold:
    """A file of gold links, source-target in the direction of the forward run.

    Attributes:
        first_index: the number of the first word in the file; see `read_gold`.
    """

    path: Path
    first_index: int


@dataclass(frozen=True)
class RunChoice:
    """The choice for a run.

    Attributes:
        criterion: "agreement" (higher is better) or "aer" (lower is better).
        left_out: layers without weights, with the name of their mechanism.
    """

    run: Path
    criterion: str
    choice: Choice
    left_out: dict[int, str]

    def as_json(self) -> dict[str, Any]:
        """Plain types; heads [] means all, as in alignment.heads."""
        rows = [
            {**candidate_facts(candidate), self.criterion: round(figure, 6)}
            for candidate, figure in self.choice.table
        ]
        return {
            "run": str(self.run),
            **candidate_facts(self.choice.candidate),
            self.criterion: self.choice.figure,
            "layers_without_weights": {str(layer): name for layer, name in self.left_out.items()},
            "candidates": rows,
        }

    def options(self) -> tuple[str, str]:
        """The choice as flags of `seq2seq align`, and as overrides of evaluate.py and train.py."""
        candidate = self.choice.candidate
        layer, use_input_row = candidate.layer, candidate.use_input_row
        heads = ",".join(map(str, candidate.heads))
        return (
            f"--layer {layer} --heads {heads or 'all'} "
            f"--{'' if use_input_row else 'no-'}use-input-row --measure {candidate.measure.value}",
            f"alignment.layer={layer} alignment.heads=[{heads}] "
            f"alignment.use_input_row={str(use_input_row).lower()} "
            f"alignment.measure={candidate.measure.value}",
        )


def candidate_facts(candidate: AlignmentCandidate) -> dict[str, Any]:
    """A candidate in plain types."""
    return {**asdict(candidate), "measure": candidate.measure.value}


def choose_alignment(
    forward: Path,
    reverse: Path | None = None,
    *,
    text: Pairs | None = None,
    gold: Gold | None = None,
    use_input_row: bool | None = None,
    measure: Measure | None = None,
    lines: int | None = None,
    device: str = "auto",
) -> list[RunChoice]:
    """Choose for a run, and for a run of the other direction if there is one.

    Args:
        reverse: translates from forward's target to its source language; required without gold.
        text: in forward's direction; None takes forward's validation split.
        gold: links of the text; None chooses by the agreement of the two runs.
        use_input_row: the only row to try; None tries both.
        measure: the only one to try; None tries all that a run has.
        lines: number of sentence pairs, from the first; None takes all.

    Returns:
        One choice, or two, forward's first.

    Raises:
        ConfigError: neither gold links nor a reverse run, two runs of other than opposite
            directions, or a run whose layers all lack weights.
        UserError: a run, split or file of links cannot be used.
    """
    if reverse is None and gold is None:
        raise ConfigError(
            "align choose: needs --reverse, a run of the other direction, or --gold links; "
            "give either"
        )
    paths = [forward] if reverse is None else [forward, reverse]
    bundles = [load_bundle(path) for path in paths]
    ensure_together(Together.opposite, list(map(Member.of_bundle, bundles)), option="--reverse")
    left_out = [layers_without_weights(bundle) for bundle in bundles]
    pairs = held_out_split(bundles[0], "validation") if text is None else text
    links = None if gold is None else gold_of(gold, pairs)[:lines]
    pairs = pairs.first(len(pairs) if lines is None else lines)
    rows = (False, True) if use_input_row is None else (use_input_row,)
    candidates = links_of_candidates(bundles, pairs, rows, measure, device)
    criterion, choices = best_candidates(candidates, links)
    return [
        RunChoice(path, criterion, choice, layers)
        for path, choice, layers in zip(paths, choices, left_out, strict=True)
    ]


def best_candidates(
    candidates: Sequence[CandidateLinks], gold: Sequence[GoldLinks] | None
) -> tuple[str, Sequence[Choice]]:
    """The criterion and a choice for each run: by gold links, or by agreement without them."""
    if gold is None:
        return "agreement", choose_by_agreement(*candidates)
    by_direction = gold, [swap_gold(links) for links in gold]
    choices = [choose_by_gold(*pair) for pair in zip(candidates, by_direction, strict=False)]
    return "aer", choices


def links_of_candidates(
    bundles: Sequence[Bundle],
    pairs: Pairs,
    rows: Sequence[bool],
    measure: Measure | None,
    device: str,
) -> list[CandidateLinks]:
    """Links of all candidates of a run, and of a run of the other direction if there are two.

    Args:
        pairs: in the direction of the first run.
        rows: values of `use_input_row`.
        measure: the only one; None for all that a run has.
    """
    torch_device = find_device(device)
    links = []
    with ProgressReport("aligning", len(pairs) * len(bundles), unit=" sentence pairs") as report:
        texts = zip(bundles, reading_tokenizers(bundles), (pairs, pairs.reversed()), strict=False)
        for bundle, tokenizers, text in texts:
            sides = text.source, text.target
            model = bundle.model.to(torch_device)
            links.append(
                candidate_links(
                    model,
                    tokenizers,
                    *sides,
                    rows=rows,
                    measures=measures_of(model) if measure is None else (measure,),
                    progress=report.advance,
                )
            )
    return links


def reading_tokenizers(bundles: Sequence[Bundle]) -> list[Tokenizers]:
    """Those that a run, and one that reads the other direction, read text with."""
    first, *others = map(Member.of_bundle, bundles)
    marks = [False, *(marks_sources(first, other) for other in others)]
    return [
        bundle.tokenizers.with_marks() if marked else bundle.tokenizers
        for bundle, marked in zip(bundles, marks, strict=True)
    ]


def gold_of(gold: Gold, pairs: Pairs) -> list[GoldLinks]:
    """Read gold links of these sentence pairs. Raises DataError if they do not fit them."""
    links = read_gold(gold.path, first_index=gold.first_index, count=len(pairs))
    rows = zip(pairs.source, pairs.target, strict=True)
    lengths = [(len(source.split()), len(target.split())) for source, target in rows]
    ensure_bounds([gold_links.possible for gold_links in links], lengths, path=gold.path)
    return links


def layers_without_weights(bundle: Bundle) -> dict[int, str]:
    """Decoder layers that cannot be chosen, with the name of their mechanism."""
    able = layers_with_weights(bundle.model)
    return {
        layer: mechanism(bundle.model, Role.CROSS, layer).name
        for layer in range(bundle.model.config.decoder.num_layers)
        if layer not in able
    }
