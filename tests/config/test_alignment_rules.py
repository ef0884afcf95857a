"""Where `auto` supervises alignment, and what is read where it does not."""

from collections.abc import Callable
from typing import Any

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.config.alignment_rules import supervision_kind, with_plain_reading
from seq2seq.config.validate import validate
from seq2seq.errors import ConfigError
from seq2seq.training.supervision_config import SupervisionKind

Compose = Callable[..., Any]
AUTO = "alignment_supervision=auto"
OFF = {
    "data=tones": "align.* text only, but the sources are features",
    "cross_attention=linformer": "linformer, the cross-attention of layer 0, has no weight per",
    "model.decoder.cross_attention.normaliser=entmax15": "may be zero or negative",
    "model.decoder.cross_attention.mixing=weights": "may be zero or negative",
    "data.augmentation.bpe_dropout_target=0.1": "bpe_dropout_target: must be 0 with",
}


@pytest.mark.parametrize(
    "more", ["", "data=copy", "cross_attention=linear", "seed=2", "data.both_directions=0.5"]
)
def test_on_where_it_is_possible(composed: Compose, more: str) -> None:
    run = composed("train", AUTO, *more.split())
    validate(run)
    assert supervision_kind(run) == (SupervisionKind.statistical, "")
    assert with_plain_reading(run) == run
    assert (run.alignment.layer, run.alignment.heads, run.alignment.use_input_row) == (0, [0], True)


@pytest.mark.parametrize("more", OFF)
def test_off_elsewhere_with_the_reason(composed: Compose, more: str) -> None:
    run = composed("train", AUTO, more)
    validate(run)
    kind, reason = supervision_kind(run)
    assert kind is SupervisionKind.none
    with pytest.raises(ConfigError, match=OFF[more]) as refused:
        validate(composed("train", "alignment_supervision=statistical", more))
    assert refused.value.problems == [reason]


def test_alignments_are_read_as_usual_where_no_head_is_supervised(composed: Compose) -> None:
    dropout = "data.augmentation.bpe_dropout_target=0.1"
    run = composed("train", AUTO, dropout)
    assert with_plain_reading(run).alignment == AlignmentConfig()
    chosen = composed("train", AUTO, dropout, "alignment.heads=[1]")
    assert with_plain_reading(chosen) == chosen
    supervised = composed("train", "alignment_supervision=statistical")
    assert with_plain_reading(supervised) == supervised


@pytest.mark.parametrize("kind", SupervisionKind)
def test_other_kinds_are_what_they_say(composed: Compose, kind: SupervisionKind) -> None:
    if kind is not SupervisionKind.auto:
        run = composed("train", f"alignment_supervision.kind={kind.value}")
        assert supervision_kind(run) == (kind, "")


def test_norms_need_a_layer_without_a_gate(composed: Compose) -> None:
    gate = "model.decoder.cross_attention.gate=head"
    validate(composed("train", "alignment.measure=norm"))
    validate(composed("train", gate))
    with pytest.raises(ConfigError, match=r"alignment.measure: norm needs .* without a gate"):
        validate(composed("train", gate, "alignment.measure=norm"))


@pytest.mark.parametrize("option", ["head=9", "layer=9"])
def test_a_head_that_is_not_there_is_refused_all_the_same(composed: Compose, option: str) -> None:
    with pytest.raises(ConfigError, match=r"alignment_supervision\..*: 9 is not one of"):
        validate(composed("train", AUTO, f"alignment_supervision.{option}"))
