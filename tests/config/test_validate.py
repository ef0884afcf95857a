"""Every rule, with its message."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from seq2seq.attention.config import MECHANISMS, Role
from seq2seq.config.describe import type_of
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.config.validate import run_problems, validate
from seq2seq.data.config import DataConfig
from seq2seq.data.corpora import CORPORA
from seq2seq.errors import ConfigError
from seq2seq.options import Options, problems_in, range_of
from seq2seq.position.config import POSITION_SCHEMES

Compose = Callable[..., Any]


def corpora() -> list[DataConfig]:
    return [kind() for _, kind in CORPORA.items()]


def choices_of_model() -> list[Options]:
    return [kind() for registry in (MECHANISMS, POSITION_SCHEMES) for _, kind in registry.items()]


def numeric_options(config: Options) -> Iterator[tuple[type, str, Any]]:
    """The class, name and type of every number in a dataclass and in those within it."""
    for item in fields(config):  # type: ignore[arg-type]
        value, hint = getattr(config, item.name), type_of(type(config), item.name)
        if isinstance(value, Options):
            yield from numeric_options(value)
        elif hint in (int, float):
            yield type(config), item.name, hint


CASES = {
    "model.num_heads=3": "model.num_heads: must divide model.d_model = 128, not 3; choose from 1",
    "model.dropout=1.0": "model.dropout: must be at least 0 and below 1, not 1.0",
    "model.encoder.num_layers=0": "num_layers: must be at least 1 and at most 1000, not 0",
    "model.encoder.self_attention.num_kv_heads=3": "must divide model.num_heads = 4, not 3; choose",
    "model.encoder.self_attention.dropout=-0.1": "self_attention.dropout: must be at least 0",
    "model.encoder.self_attention.name=local": "self_attention.name: must not be set",
    "model.position.name=rope": "model.position.name: must not be set",
    "data.tokenizer.joint=false": "model.tied_embeddings: all needs one vocabulary",
    "data.max_source_length=999": "data.max_source_length: must be at most model.max_source_length",
    "data.max_source_length=0": "data.max_source_length: must be at least 2, not 0",
    "data.batch.max_tokens=64": "data.batch.max_tokens: must hold one pair of the maximum length",
    "optimizer.learning_rate=0": "optimizer.learning_rate: must be above 0, not 0",
    "optimizer.learning_rate=nan": "optimizer.learning_rate: must be above 0, not nan",
    "optimizer.epsilon=-1": "optimizer.epsilon: must be at least 1e-30, not -1",
    "optimizer.beta2=1": "optimizer.beta2: must be at least 0 and below 1",
    "optimizer.clip_norm=-1": "optimizer.clip_norm: must be at least 0",
    "schedule.warmup_steps=-1": "schedule.warmup_steps: must be at least 0",
    "schedule.final_ratio=-3": "schedule.final_ratio: must be at least 0 and at most 1",
    "trainer.max_steps=0": "trainer.max_steps: must be at least 1",
    "trainer.max_steps=9999999999": "trainer.max_steps: must be at least 1 and at most 2147483647",
    "trainer.max_epochs=0": "trainer.max_epochs: must be at least 1",
    "trainer.patience=-1": "trainer.patience: must be at least 0",
    "trainer.devices=two": "trainer.devices: must be auto, a number of devices or their numbers",
    "trainer.precision=b16": "trainer.precision: 'b16' is unknown; did you mean bf16? choose",
    "trainer.metric=bleau": "trainer.metric: must be loss or the name of a metric",
    "decoding.beam_size=0": "decoding.beam_size: must be at least 1",
    "alignment.layer=3": "alignment.layer: 3 is not one of the 3 decoder layers; choose from 0",
    "alignment.heads=[4]": "alignment.heads: 4 is not one of the 4 heads",
}


@pytest.mark.parametrize("override", CASES)
def test_a_broken_rule_is_named_with_its_path(composed: Compose, override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(composed("train", override))
    (problem,) = caught.value.problems
    assert CASES[override] in problem


UNREAD = {
    "schedule=constant schedule.final_ratio=0.1": "schedule.final_ratio: is set but not read",
    "model.encoder.layer_attention=[full] model.encoder.self_attention.dropout=0.3": (
        "model.encoder.self_attention: is set but not read; choose layer_attention=[], or"
    ),
    "model.decoder.layer_cross_attention=[full] cross_attention=gqa": (
        "model.decoder.cross_attention: is set but not read; choose layer_cross_attention=[], or"
    ),
    "alignment.threshold=0.5": "alignment.threshold: is set but not read; choose method=threshold",
    "alignment.enabled=false alignment.heatmaps=3": "alignment.heatmaps: is set but not read",
    "logger.project=mine": "logger.project: is set but not read; choose logger=wandb",
    "logger=wandb logger.address=there": "logger.address: is set but not read; choose logger",
    "decoding.temperature=0.5": "decoding.temperature: is set but not read; choose method=sampling",
    "decoding.seed=3": "decoding.seed: is set but not read; choose method=sampling",
    "decoding.length_penalty=none decoding.alpha=2": "decoding.alpha: is set but not read; choose",
    "decoding.method=sampling decoding.beam_size=2": "decoding.beam_size: is set but not read",
    "data.augmentation.split_samples=3": "data.augmentation.split_samples: is set but not read",
    "trainer.export=last trainer.average_last=2": "trainer.average_last: is set but not read",
    "data=files data.train.source=a data.train.target=b data.source_column=c": (
        "data.source_column: is set but not read; choose train.path=FILE, or leave it out"
    ),
}


@pytest.mark.parametrize("overrides", UNREAD)
def test_an_option_that_is_set_but_not_read_is_refused(composed: Compose, overrides: str) -> None:
    run = composed("train", *overrides.split())
    with pytest.raises(ConfigError) as caught:
        validate(run)
    (problem,) = caught.value.problems
    assert problem.startswith(UNREAD[overrides])
    assert list(run_problems(run, unread=False)) == []


def test_a_setting_out_of_its_range_that_is_not_read_either_has_one_message(
    composed: Compose,
) -> None:
    problems = list(run_problems(composed("train", "decoding.temperature=-1")))
    assert problems == ["decoding.temperature: must be at least 1e-06, not -1.0; the default is 1"]


def test_defaults_of_a_corpus_are_not_settings(composed: Compose, tmp_path: Path) -> None:
    model = tmp_path / "spm.model"
    model.touch()
    given = f"data.tokenizer.source_model={model}"
    validate(composed("train", "data=copy", given))
    with pytest.raises(ConfigError, match="data.tokenizer.byte_fallback: is set but not read"):
        validate(composed("train", "data=files", given, "data.tokenizer.byte_fallback=true"))


@pytest.mark.parametrize("config", [RunConfig(), EvaluateConfig(), *corpora(), *choices_of_model()])
def test_every_dataclass_has_problems_and_every_number_a_range(config: Options) -> None:
    assert list(problems_in(config, unread=False)) == [] or isinstance(config, DataConfig)
    for kind, name, hint in numeric_options(config):
        assert range_of(kind, name) is not None, f"{kind.__name__}.{name}: {hint}"


def test_all_problems_are_reported_at_once(composed: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(composed("train", "model.num_heads=3", "model.dropout=2", "trainer.max_steps=0"))
    assert len(caught.value.problems) == 3
    assert str(caught.value).startswith("3 problems in this configuration\n  model.")


@pytest.mark.parametrize("scheme", POSITION_SCHEMES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_positions_go_with_the_mechanisms_that_can_carry_them(mechanism: str, scheme: str) -> None:
    config, kind = MECHANISMS[mechanism], POSITION_SCHEMES[scheme].kind
    run = RunConfig()
    run.model.position = POSITION_SCHEMES[scheme]()
    stack = run.model.encoder if Role.ENCODER in config.roles else run.model.decoder
    stack.self_attention = config()
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
    mechanism: str,
) -> None:
    run = RunConfig()
    run.model.encoder.self_attention = MECHANISMS[mechanism](dropout=0.1)
    with pytest.raises(ConfigError, match=f"{mechanism} cannot drop attention weights"):
        validate(run)


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


LINKS = "alignment_supervision=links data=copy"
SUPERVISIONS = {
    "alignment_supervision.weight=0.1": (
        r"weight: is set but not read; choose alignment_supervision=links"
    ),
    "alignment_supervision.runs=[a,b]": (
        r"runs: is set but not read; choose alignment_supervision=runs, or leave"
    ),
    "alignment_supervision=links": (
        r"data=tatoeba has no word alignments.*alignment_supervision=runs"
    ),
    "alignment_supervision=runs alignment_supervision.runs=[a,b] data=tones": (
        r"alignment_supervision: two runs align text only, but the sources are features"
    ),
    "alignment_supervision=statistical data=tones": (
        r"the statistical aligner aligns text only, but the sources are features"
    ),
    "alignment_supervision=statistical alignment_supervision.extra_source=a": (
        r"extra_target: must be set, because the other side is"
    ),
    f"{LINKS} alignment_supervision.extra_source=a": (
        r"extra_source: is set but not read; choose alignment_supervision=statistical, or leave"
    ),
    "alignment_supervision=statistical data.augmentation.bpe_dropout_source=0.1": (
        r"data.augmentation.bpe_dropout_source: must be 0 with alignment_supervision"
    ),
    "alignment_supervision=links data=chain": r"data=generated has no word alignments",
    f"{LINKS} alignment_supervision.runs=[a,b]": r"runs: is set but not read; .*=runs, or leave",
    f"{LINKS} alignment_supervision.method=union": (
        r"method: is set but not read; .*=runs, or leave"
    ),
    f"{LINKS} alignment_supervision.weight=0": (
        r"weight: must be above 0, not 0.0; the default is 0.05"
    ),
    f"{LINKS} alignment_supervision.weight=nan": r"weight: must be above 0, not nan",
    f"{LINKS} alignment_supervision.head=-1": r"head: must be at least 0, not -1",
    f"{LINKS} alignment_supervision.head=4": r"head: 4 is not one of the 4 heads",
    f"{LINKS} alignment_supervision.layer=3": r"layer: 3 is not one of the 3 decoder layers; .* -3",
    f"{LINKS} alignment_supervision.layer=-4": r"layer: -4 is not one of the 3 decoder layers",
    f"{LINKS} cross_attention=linformer": r"layer: linformer, .* -1, has no weight per key",
    f"{LINKS} cross_attention=differential": r"layer: differential, .* -1, has signed weights",
    f"{LINKS} model.decoder.cross_attention.normaliser=entmax15": (
        r"layer: weights of layer -1 may be zero or negative"
    ),
    "alignment_supervision=runs": (
        r"runs: must be two folders of different runs, \[FORWARD,REVERSE\], not \[\]"
    ),
    "alignment_supervision=runs alignment_supervision.runs=[a]": r"runs: must be two folders",
    "alignment_supervision=runs alignment_supervision.runs=[a,a]": r"runs: must be two folders",
}


@pytest.mark.parametrize("overrides", SUPERVISIONS)
def test_supervision_that_cannot_be_honoured_is_refused(composed: Compose, overrides: str) -> None:
    with pytest.raises(ConfigError, match=SUPERVISIONS[overrides]) as caught:
        validate(composed("train", *overrides.split()))
    assert sum("alignment_supervision" in problem for problem in caught.value.problems) == 1


def test_supervision_needs_weights_of_its_layer_alone(composed: Compose) -> None:
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


def test_links_of_files_can_supervise(composed: Compose) -> None:
    files = [
        "data=files",
        "data.train.source=a",
        "data.train.target=b",
        "alignment_supervision=links",
    ]
    validate(composed("train", *files, "data.train.links=c"))
    with pytest.raises(
        ConfigError, match="data=files has no word alignments; give data.train.links"
    ):
        validate(composed("train", *files))
