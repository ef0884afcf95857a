"""What is measured of a run's model for a report: size, decoding state, errors of alignments."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from seq2seq.aligning.choose import choose_alignment
from seq2seq.alignment.error_rate import score_links
from seq2seq.alignment.extract import has_weights, layer_index
from seq2seq.alignment.gold_table import GoldTable, read_gold_table
from seq2seq.attention.config import Role
from seq2seq.bundle.files import Bundle, weights_hash
from seq2seq.bundle.locate import find_bundle
from seq2seq.bundle.model import Model
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.storage import sha256_of
from seq2seq.model.transformer import Transformer
from seq2seq.padding import UNK_ID, Tokens
from seq2seq.runs_report.run_result import RunValue

STATE_POSITIONS = 64  # source and target subwords of which the decoding state is told
AGREEMENT_LINES = 500  # of the validation split, by which two directions are compared


@dataclass(frozen=True)
class ModelMeasurements:
    """What alignments are held against.

    Attributes:
        gold: table of gold links, in the direction of the runs; None for none.
        reverse: a run of the other direction; None for none.
    """

    gold: Path | None = None
    reverse: Path | None = None


def model_values(
    bundle: Bundle, measurements: ModelMeasurements, shared: Mapping[str, str]
) -> dict[str, RunValue]:
    """The values of a model by measure; those that it cannot have are missing.

    Args:
        shared: what the values of alignments must share beside the text.

    Raises:
        UserError: the gold links or the reverse run cannot be used.
    """
    values = {"parameters": RunValue(float(bundle.model.num_parameters()))}
    kind = bundle.tokenizers.source
    if isinstance(kind, TextSource):
        positions = min(
            STATE_POSITIONS,
            bundle.model.config.max_source_length,
            bundle.model.config.max_target_length,
        )
        state = decoding_state_bytes(bundle.model, positions)
        values["decoding_state"] = RunValue(float(state), {"positions": str(positions)})
    aligned_layer = layer_index(bundle.model, bundle.config.alignment.layer)
    if measurements.gold is not None and has_weights(bundle.model, Role.CROSS, aligned_layer):
        basis = {**shared, "gold": sha256_of(measurements.gold)}
        error = gold_error(bundle, read_gold_table(measurements.gold))
        values["gold_alignment_error"] = RunValue(error, basis)
    layers = range(bundle.model.config.decoder.num_layers)
    can_align = any(has_weights(bundle.model, Role.CROSS, layer) for layer in layers)
    if measurements.reverse is not None and can_align:
        basis = {
            **shared,
            "reverse": str(weights_hash(find_bundle(measurements.reverse))),
            "lines": str(AGREEMENT_LINES),
        }
        error = disagreement(bundle.path, measurements.reverse)
        values["reverse_alignment_error"] = RunValue(error, basis)
    return values


@torch.inference_mode()
def decoding_state_bytes(model: Transformer, positions: int) -> int:
    """Bytes that a model remembers of one sentence while it decodes.

    Args:
        positions: of the source, and target positions that were decoded.
    """
    source = Tokens.of([[UNK_ID] * positions]).to(model.device)
    state = model.start(model.encode(source), capacity=positions)
    for _ in range(positions):
        model.step_states(source.ids[:, :1], state)
    return sum(cache.nbytes() for cache in (*state.target, *state.source))


def gold_error(bundle: Bundle, gold: GoldTable) -> float:
    """The alignment error rate of the gold lines by forced decoding, read as the run configured."""
    model = Model([bundle])
    model.alignment = replace(bundle.config.alignment, enabled=True)
    scored = model.score(gold.pairs.source, gold.pairs.target, alignments=True)
    aligned = [entry.alignment.links for entry in scored if entry.alignment is not None]
    return score_links(aligned, gold.links).aer


def disagreement(forward: Path, reverse: Path) -> float:
    """One minus the agreement of two directions, at the layer and heads where they agree most."""
    choices = choose_alignment(forward, reverse, lines=AGREEMENT_LINES)
    return 1.0 - choices[0].choice.figure
