"""Choose the layer, heads and reading that a run's alignments come from, on a development set."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seq.alignment.choose import CandidateLinks, Choice, choose_by_agreement, choose_by_gold
from seq2seq.alignment.extract import mechanism
from seq2seq.alignment.links import GoldLinks, check_bounds, read_gold, swap_links
from seq2seq.attention.config import Role
from seq2seq.bundle.device import find_device
from seq2seq.bundle.files import Bundle, held_out_split, load_bundle
from seq2seq.data.sources.base import Pairs
from seq2seq.errors import ConfigError
from seq2seq.evaluation.candidates import candidate_links, layers_with_weights
from seq2seq.progress import ProgressReport


@dataclass(frozen=True)
class Gold:
    """A file of gold links, source-target in the direction of the forward run; see read_gold."""

    path: Path
    first_index: int


@dataclass(frozen=True)
class RunChoice:
    """What was chosen for a run.

    Attributes:
        criterion: "agreement", of which more is better, or "aer", of which less is.
        left_out: layers without weights, with the name of their mechanism.
    """

    run: Path
    criterion: str
    choice: Choice
    left_out: dict[int, str]

    def as_json(self) -> dict[str, Any]:
        """Plain types; heads [] are all, as in alignment.heads."""
        chosen = self.choice.candidate
        rows = [
            {**asdict(candidate), self.criterion: round(f, 6)} for candidate, f in self.choice.table
        ]
        return {
            "run": str(self.run),
            **asdict(chosen),
            self.criterion: self.choice.figure,
            "layers_without_weights": {str(layer): name for layer, name in self.left_out.items()},
            "candidates": rows,
        }

    def options(self) -> tuple[str, str]:
        """The choice as options of `seq2seq align`, and of evaluate.py and train.py."""
        chosen = self.choice.candidate
        heads = ",".join(map(str, chosen.heads))
        return (
            f"--layer {chosen.layer} --heads {heads or 'all'} "
            f"--{'' if chosen.use_input_row else 'no-'}use-input-row",
            f"alignment.layer={chosen.layer} alignment.heads=[{heads}] alignment.use_input_row={str(chosen.use_input_row).lower()}",
        )


def choose_alignment(
    forward: Path,
    reverse: Path | None = None,
    *,
    text: Pairs | None = None,
    gold: Gold | None = None,
    use_input_row: bool | None = None,
    lines: int | None = None,
    device: str = "auto",
) -> list[RunChoice]:
    """Choose for a run, and for one of the other direction if there is one.

    Args:
        reverse: translates from forward's target language to its source language. Without gold links it is needed.
        text: in forward's direction; None takes forward's own validation split.
        gold: links of the text; None chooses by how far the two runs agree.
        use_input_row: the only reading to try; None tries both.
        lines: the first so many sentence pairs; None takes all.

    Returns:
        One choice, or two, forward's first.

    Raises:
        ConfigError: neither gold links nor a reverse run, runs that are not each other's reverse, or a run none of
            whose layers has weights.
        UserError: a run, split or file of links cannot be used.
    """
    if reverse is None and gold is None:
        raise ConfigError(
            "align choose: needs --reverse, a run of the other direction, or --gold links; give either"
        )
    paths = [forward] if reverse is None else [forward, reverse]
    bundles = [load_bundle(path) for path in paths]
    refuse_same_direction([(bundle.path, bundle.config.data.languages()) for bundle in bundles])
    unread = [left_out(bundle) for bundle in bundles]
    pairs = held_out_split(bundles[0], "validation") if text is None else text
    links = None if gold is None else gold_of(gold, pairs)[:lines]
    pairs = pairs.first(len(pairs) if lines is None else lines)
    found = links_of(
        bundles, pairs, (False, True) if use_input_row is None else (use_input_row,), device
    )
    if links is None:
        choices: Sequence[Choice] = choose_by_agreement(*found)
    else:
        swapped = [GoldLinks(swap_links(each.sure), swap_links(each.possible)) for each in links]
        choices = [choose_by_gold(*each) for each in zip(found, (links, swapped), strict=False)]
    criterion = "agreement" if links is None else "aer"
    rows = zip(paths, choices, unread, strict=True)
    return [RunChoice(path, criterion, choice, layers) for path, choice, layers in rows]


def links_of(
    bundles: Sequence[Bundle], pairs: Pairs, rows: Sequence[bool], device: str
) -> list[CandidateLinks]:
    """What the candidates of a run, and of one of the other direction, link in text of the first's direction."""
    where = find_device(device)
    found = []
    with ProgressReport("aligning", len(pairs) * len(bundles), unit=" sentence pairs") as report:
        for bundle, text in zip(bundles, (pairs, pairs.reversed()), strict=False):
            sides = text.source, text.target
            model = bundle.model.to(where)
            found.append(
                candidate_links(
                    model, bundle.tokenizers, *sides, rows=rows, progress=report.advance
                )
            )
    return found


def refuse_same_direction(runs: Sequence[tuple[Path, tuple[str, str]]]) -> None:
    """Raise ConfigError if the second of two runs, each with its languages, is not of the other direction."""
    if len(runs) == 2 and runs[1][1] != runs[0][1][::-1]:
        (forward, (source, target)), (reverse, languages) = runs
        raise ConfigError(
            f"--reverse: must translate {target} to {source}, the other way than {forward}, but {reverse} translates "
            f"{' to '.join(languages)}; train one with data.reverse=true"
        )


def gold_of(gold: Gold, pairs: Pairs) -> list[GoldLinks]:
    """Gold links, which must be of the words of these sentence pairs."""
    links = read_gold(gold.path, first_index=gold.first_index)
    rows = zip(pairs.source, pairs.target, strict=True)
    lengths = [(len(source.split()), len(target.split())) for source, target in rows]
    check_bounds([each.possible for each in links], lengths, path=gold.path)
    return links


def left_out(bundle: Bundle) -> dict[int, str]:
    """Layers that cannot be chosen, with the mechanism that has no weights."""
    kept = layers_with_weights(bundle.model)
    every = range(bundle.model.config.decoder.num_layers)
    return {
        layer: mechanism(bundle.model, Role.CROSS, layer).name
        for layer in every
        if layer not in kept
    }
