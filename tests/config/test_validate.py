"""Every rule, its message and its way out."""

from collections.abc import Callable
from typing import Any

import pytest

from seq2seq.attention.config import MECHANISMS, Role
from seq2seq.config.validate import validate
from seq2seq.errors import ConfigError
from seq2seq.position.config import POSITION_SCHEMES

Compose = Callable[..., Any]
CASES = {
    "model.num_heads=3": r"model.num_heads: must divide model.d_model = 128, which 3 does not; choose from 1, 2, 4",
    "model.dropout=1.0": r"model.dropout: must be at least 0 and below 1, not 1.0",
    "model.encoder.num_layers=0": r"model.encoder.num_layers: must be at least 1, not 0",
    "model.encoder.self_attention.num_kv_heads=3": r"must divide model.num_heads = 4.*choose from 1, 2, 4",
    "model.encoder.self_attention.dropout=-0.1": r"self_attention.dropout: must be at least 0",
    "model.encoder.self_attention.name=local": r"self_attention.name: is set by choosing a mechanism",
    "model.position.name=rope": r"model.position.name: is set by position=",
    "data.tokenizer.joint=false": r"model.tied_embeddings: all needs one vocabulary.*joint=true or .*=target",
    "data.max_source_length=999": r"data.max_source_length: 999 subwords do not fit model.max_source_length = 256",
    "data.batch.max_tokens=64": r"data.batch.max_tokens: 64 do not hold one sentence of 128 subwords",
    "optimizer.learning_rate=0": r"optimizer.learning_rate: must be positive",
    "optimizer.beta2=1": r"optimizer.beta2: must be at least 0 and below 1",
    "optimizer.clip_norm=-1": r"optimizer.clip_norm: must not be negative",
    "schedule.warmup_steps=-1": r"schedule.warmup_steps: must not be negative",
    "trainer.max_steps=0": r"trainer.max_steps: must be at least 1",
    "trainer.patience=-1": r"trainer.patience: must not be negative",
    "trainer.precision=b16": r"trainer.precision: 'b16' is unknown; did you mean bf16\? choose from auto",
    "trainer.metric=blue": r"trainer.metric: must be loss or .*did you mean bleu.*exact_match",
    "metrics=[bleu,blue]": r"metrics: no metric is called 'blue'; did you mean bleu",
    "decoding.beam_size=0": r"decoding.beam_size: must be at least 1",
}


@pytest.mark.parametrize("override", CASES)
def test_a_broken_rule_is_named_with_its_path(composed: Compose, override: str) -> None:
    with pytest.raises(ConfigError, match=CASES[override]):
        validate(composed("train", override))


def test_all_problems_are_reported_at_once(composed: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(composed("train", "model.num_heads=3", "model.dropout=2", "trainer.max_steps=0"))
    assert len(caught.value.problems) == 3
    assert str(caught.value).startswith("3 problems in this configuration\n  model.")


@pytest.mark.parametrize("scheme", POSITION_SCHEMES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_positions_go_with_the_mechanisms_that_can_carry_them(
    composed: Compose, mechanism: str, scheme: str
) -> None:
    config, kind = MECHANISMS[mechanism], POSITION_SCHEMES[scheme].kind
    run = composed("train", f"position={scheme}", f"encoder_attention={mechanism}")
    if config.carries(kind):
        validate(run)
    else:
        with pytest.raises(
            ConfigError,
            match=rf"model.position: {scheme} .* {mechanism} .*choose from .*sinusoidal",
        ):
            validate(run)


@pytest.mark.parametrize(
    "mechanism", [name for name, config in MECHANISMS.items() if not config.drops_weights]
)
def test_attention_dropout_is_refused_where_there_are_no_weights_to_drop(
    composed: Compose, mechanism: str
) -> None:
    with pytest.raises(ConfigError, match=f"{mechanism} cannot drop attention weights"):
        validate(
            composed(
                "train",
                f"encoder_attention={mechanism}",
                "model.encoder.self_attention.dropout=0.1",
            )
        )


def test_a_mechanism_by_layer_must_serve_its_role(composed: Compose) -> None:
    with pytest.raises(
        ConfigError, match=r"decoder.layer_attention\[1\]: linformer cannot serve as decoder causal"
    ):
        validate(composed("train", "model.decoder.layer_attention=[full,linformer]"))


def test_an_explicit_alignment_needs_weights(composed: Compose) -> None:
    overrides = ["cross_attention=linformer", "alignment.enabled=true"]
    with pytest.raises(
        ConfigError,
        match="alignment.enabled: linformer has no weight per key position; choose another",
    ):
        validate(composed("train", *overrides))
    validate(composed("train", "cross_attention=linformer"))


def test_an_alignment_layer_must_exist(composed: Compose) -> None:
    with pytest.raises(ConfigError, match="alignment.layer: 3 is not one of the 3 decoder layers"):
        validate(composed("train", "alignment.enabled=true", "alignment.layer=3"))


def test_every_role_refuses_what_cannot_serve(composed: Compose) -> None:
    for name, config in MECHANISMS.items():
        if Role.CROSS not in config.roles:
            with pytest.raises(
                ConfigError, match=f"{name} cannot serve as cross-attention; choose from full"
            ):
                validate(composed("train", f"model.decoder.layer_cross_attention=[{name}]"))


GUIDES = {
    "alignment_supervision.weight=0.1": r"alignment_supervision.weight: is set but not read; choose alignment_supervision=links or",
    "alignment_supervision.runs=[a,b]": r"runs: is set but not read; choose alignment_supervision=runs, or leave",
    "alignment_supervision=links": r"data=tatoeba has no word alignments of its own.*alignment_supervision=runs",
    "alignment_supervision=links data=chain": r"alignment_supervision: data=generated has no word alignments of its own",
    "alignment_supervision=links data=copy alignment_supervision.runs=[a,b]": r"runs: is set but not read; .*=runs, or leave",
    "alignment_supervision=links data=copy alignment_supervision.method=union": r"method: is set but not read; .*=runs, or leave",
    "alignment_supervision=links data=copy alignment_supervision.weight=0": r"weight: must be above 0, not 0.0; choose 0.05",
    "alignment_supervision=links data=copy alignment_supervision.weight=nan": r"weight: must be above 0, not nan",
    "alignment_supervision=links data=copy alignment_supervision.head=-1": r"alignment_supervision.head: must be a number from 0",
    "alignment_supervision=links data=copy alignment_supervision.head=4": r"alignment_supervision.head: 4 is not one of the 4 heads",
    "alignment_supervision=links data=copy alignment_supervision.layer=3": r"layer: 3 is not one of the 3 decoder layers; .* -3",
    "alignment_supervision=links data=copy alignment_supervision.layer=-4": r"layer: -4 is not one of the 3 decoder layers",
    "alignment_supervision=links data=copy cross_attention=linformer": r"layer: linformer, .* -1, has no weight per key",
    "alignment_supervision=runs": r"runs: must be two folders of different runs, \[FORWARD,REVERSE\], not \[\]",
    "alignment_supervision=runs alignment_supervision.runs=[a]": r"runs: must be two folders",
    "alignment_supervision=runs alignment_supervision.runs=[a,a]": r"runs: must be two folders",
}


@pytest.mark.parametrize("overrides", GUIDES)
def test_guidance_that_cannot_be_honoured_is_refused(composed: Compose, overrides: str) -> None:
    with pytest.raises(ConfigError, match=GUIDES[overrides]) as caught:
        validate(composed("train", *overrides.split()))
    assert sum("alignment_supervision" in problem for problem in caught.value.problems) == 1


def test_guidance_asks_for_weights_of_its_own_layer_alone(composed: Compose) -> None:
    layers = [
        "alignment_supervision=links",
        "data=copy",
        "model.decoder.layer_cross_attention=[full,linformer,gqa]",
    ]
    validate(composed("train", *layers))
    validate(composed("train", *layers, "alignment_supervision.layer=0"))
    with pytest.raises(
        ConfigError, match="layer: linformer, the cross-attention of layer 1, has no weight"
    ):
        validate(composed("train", *layers, "alignment_supervision.layer=1"))


def test_links_of_files_can_guide(composed: Compose) -> None:
    files = [
        "data=files",
        "data.train.source=a",
        "data.train.target=b",
        "alignment_supervision=links",
    ]
    validate(composed("train", *files, "data.train.links=c"))
    with pytest.raises(
        ConfigError, match="data=files has no word alignments of its own; give data.train.links"
    ):
        validate(composed("train", *files))
