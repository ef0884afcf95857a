"""Every option of every group composes, is checked and built; groups offer what exists."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from seq2seq.attention.config import MECHANISMS, Role
from seq2seq.config.groups import (
    CONF,
    ROLE_GROUPS,
    choices_of,
    class_groups,
    group_options,
    groups_of,
)
from seq2seq.config.plain import to_yaml
from seq2seq.config.saved import load_run_config
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.config.validate import validate
from seq2seq.errors import ConfigError
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import build_transformer

Compose = Callable[..., Any]
SKIPPED_GROUPS = {"bench"}  # read by its own command
NEEDS = {  # what an option cannot do without
    ("data", "hub"): ["data.path=a", "data.source_language=b", "data.target_language=c"],
    ("data", "files"): ["data.train.source=a", "data.train.target=b"],
    ("alignment_supervision", "links"): ["data=reverse"],
    ("alignment_supervision", "runs"): ["alignment_supervision.runs=[a,b]"],
    ("experiment", "align_further"): [
        "alignment_supervision.runs=[a,b]",
        "model.decoder.num_layers=2",
    ],
}
OPTIONS = sorted(
    (path.parent.name, path.stem)
    for path in CONF.glob("*/*.yaml")
    if path.parent.name not in SKIPPED_GROUPS
) + [(group, name) for group in class_groups() for name in group_options(group)]


def test_the_defaults_are_those_of_the_dataclasses(composed: Compose) -> None:
    assert composed("train") == RunConfig()
    assert composed("evaluate") == EvaluateConfig()


@pytest.mark.parametrize(("group", "role"), [(g, role) for g, (role, _) in ROLE_GROUPS.items()])
def test_each_role_offers_exactly_the_mechanisms_that_can_serve(group: str, role: Role) -> None:
    able = {name for name, config in MECHANISMS.items() if role in config.roles}
    assert set(group_options(group)) == able


def test_the_help_page_lists_the_groups_with_their_defaults() -> None:
    lines = choices_of("train")
    assert "encoder_attention     additive, average, block_sparse, differential, flash" in lines
    assert "fourier, [full],\n" in lines
    assert "position              alibi, learned, none, rope, [sinusoidal], t5" in lines
    assert set(groups_of("train")) == {
        line.split()[0] for line in lines.splitlines() if line[2] != " "
    }


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_file_composes_to_a_model_that_can_be_built(
    composed: Compose, group: str, option: str, tmp_path: Path
) -> None:
    overrides = [f"{group}={option}", "model.d_model=16", "model.d_ff=16", "model.num_heads=4"]
    overrides += [
        "model.encoder.num_layers=1",
        "model.decoder.num_layers=1",
        *NEEDS.get((group, option), []),
    ]
    run = composed("train", *overrides)
    validate(run)
    if (classes := class_groups().get(group)) is not None:
        assert attrgetter(classes.path)(run) == classes.classes[option]()
    model = build_transformer(run.model, source=VocabularySpec(10), target_vocab_size=10)
    assert model.num_parameters() > 0
    saved = tmp_path / "config.yaml"
    saved.write_text(to_yaml(run), encoding="utf-8")
    assert load_run_config(saved) == run


@pytest.mark.parametrize("size", group_options("model"))
def test_every_size_is_valid_as_it_is(composed: Compose, size: str) -> None:
    validate(composed("train", f"model={size}"))


def test_the_evaluation_composes(composed: Compose) -> None:
    config = composed("evaluate", "run=somewhere", "decoding.beam_size=3")
    assert config.run == "somewhere"
    assert config.decoding.beam_size == 3


def test_mechanisms_by_layer_take_the_options_of_their_files(composed: Compose) -> None:
    run = composed(
        "train",
        "model.encoder.layer_attention=[local,full]",
        "model.decoder.layer_cross_attention=[gqa]",
    )
    local, full = run.model.encoder.layer_attention
    assert (local.name, local.window, full.name) == ("local", 4, "full")
    assert run.model.decoder.layer_cross_attention[0].num_kv_heads == 2
    validate(run)


def test_an_unknown_mechanism_by_layer_is_refused_with_the_legal_ones(composed: Compose) -> None:
    with pytest.raises(
        ConfigError, match=r"layer_attention: no mechanism is called 'locl'; did you mean local\?"
    ):
        composed("train", "model.encoder.layer_attention=[locl]")


def test_the_three_roles_are_chosen_independently(composed: Compose) -> None:
    run = composed(
        "train", "encoder_attention=local", "decoder_attention=linear", "cross_attention=additive"
    )
    assert run.model.encoder.self_attention.name == "local"
    assert run.model.decoder.self_attention.name == "linear"
    assert run.model.decoder.cross_attention.name == "additive"


@pytest.mark.parametrize(
    "more",
    [
        "alignment_supervision=links,data=reverse",
        "alignment_supervision=runs,data=copy",
        "alignment_supervision=statistical",
        "alignment_supervision=auto",
    ],
)
def test_alignments_are_read_from_the_head_that_is_taught(composed: Compose, more: str) -> None:
    chosen = [
        "alignment_supervision.layer=1",
        "alignment_supervision.head=2",
        "alignment_supervision.use_input_row=false",
    ]
    alignment = composed("train", *more.split(","), *chosen).alignment
    assert (alignment.layer, alignment.heads, alignment.use_input_row) == (1, [2], False)
    assert alignment.null_links is any(kind in more for kind in ("statistical", "auto"))
    assert composed("train", *more.split(","), "alignment.heads=[3]").alignment.heads == [3]
    assert composed("train").alignment.heads == []
