"""Options that list batch transforms and auxiliary losses, by name or with their options."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq.config.plain import to_yaml
from seq2seq.config.saved import from_mapping, load_run_config, with_overrides
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import validate
from seq2seq.errors import CheckpointError, ConfigError
from seq2seq.training.auxiliary import AUXILIARY_LOSSES
from seq2seq.training.transforms import BATCH_TRANSFORMS, WordDropoutConfig
from tests.config.conftest import Compose

EXTENSION = """
from dataclasses import dataclass

from seq2seq.options import number
from seq2seq.training.auxiliary import AUXILIARY_LOSSES, AuxiliaryLossConfig
from seq2seq.training.transforms import BATCH_TRANSFORMS, BatchTransformConfig


@BATCH_TRANSFORMS.register
@dataclass
class NothingConfig(BatchTransformConfig):
    name: str = "nothing"
    strength: float = number(0.5, at_least=0, at_most=1)

    def build(self):
        return lambda batch: batch


@AUXILIARY_LOSSES.register
@dataclass
class ZeroConfig(AuxiliaryLossConfig):
    name: str = "zero"

    def build(self, model):
        raise NotImplementedError
"""


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "extension.py"
    path.write_text(EXTENSION, encoding="utf-8")
    yield path
    for registry, name in ((BATCH_TRANSFORMS, "nothing"), (AUXILIARY_LOSSES, "zero")):
        if name in registry:
            registry.remove(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        ("[word_dropout]", [WordDropoutConfig()]),
        ("[{name:word_dropout}]", [WordDropoutConfig()]),
        ("[{name:word_dropout,source:0.2}]", [WordDropoutConfig(source=0.2)]),
    ],
)
def test_entries_become_dataclasses_everywhere(
    composed: Compose, tmp_path: Path, text: str, expected: list[WordDropoutConfig]
) -> None:
    """On the command line, in a saved configuration, and when a run is resumed."""
    run = composed("train", "data=copy", f"batch_transforms={text}")
    assert run.batch_transforms == expected
    validate(run)
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(run), encoding="utf-8")
    assert load_run_config(path) == run
    assert with_overrides(run, ["trainer.max_steps=9"]).batch_transforms == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[word_dropot]", r"\[0\]: no batch transform is called 'word_dropot'; did you mean"),
        ("[word_dropout,{source:0.1}]", r"\[1\]: no batch transform is called ''; choose from"),
        ("[{name:word_dropout,sauce:1}]", r"\[0\].sauce: Key 'sauce' not in"),
        ("[{name:word_dropout,source:a}]", r"\[0\].source: Value 'a'"),
        ("[{name:word_dropout,source:1.0}]", r"\[0\].source: must be at least 0 and below 1"),
        ("[word_dropout,word_dropout]", r"\[1\]: word_dropout is listed twice"),
    ],
)
def test_mistakes_are_named_with_their_place(composed: Compose, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"batch_transforms{message}"):
        validate(composed("train", "data=copy", f"batch_transforms={text}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[r_drop,cutoff]", r": r_drop and cutoff each read every pair twice; list one"),
        ("[{name:r_drop,start_at:1.0}]", r"\[0\].start_at: must be at least 0 and below 1"),
        ("[{name:cutoff,source:0,target:0}]", r"\[0\].source: or target must be above 0"),
    ],
)
def test_losses_that_cannot_be_are_named(composed: Compose, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"auxiliary_losses{message}"):
        validate(composed("train", "data=copy", f"auxiliary_losses={text}"))


def test_losses_that_do_not_fit_the_rest_are_named(composed: Compose) -> None:
    with pytest.raises(ConfigError, match=r"auxiliary_losses\[0\]: r_drop .* nothing is dropped"):
        validate(composed("train", "auxiliary_losses=[r_drop]", "model.dropout=0"))
    attention = "model.decoder.cross_attention.dropout=0.1"
    validate(composed("train", "auxiliary_losses=[r_drop]", "model.dropout=0", attention))
    frames = ["data=tones", "model.tied_embeddings=target", "auxiliary_losses=[cutoff]"]
    with pytest.raises(ConfigError, match=r"auxiliary_losses\[0\].source: must be 0 for sources"):
        validate(composed("train", *frames))


def test_modules_add_choices(composed: Compose, extension: Path, tmp_path: Path) -> None:
    lists = ["batch_transforms=[nothing]", "auxiliary_losses=[{name:zero,weight:2.0}]"]
    with pytest.raises(ConfigError, match="no auxiliary loss is called 'zero'; choose .* module"):
        from_mapping(RunConfig, {"data": {"name": "generated"}, "auxiliary_losses": ["zero"]})
    run = composed("train", "data=copy", f"imports=[{extension}]", *lists)
    assert run.batch_transforms[0].strength == 0.5
    assert run.auxiliary_losses[0].weight == 2.0
    validate(run)
    run.auxiliary_losses[0].weight = 0.0
    with pytest.raises(ConfigError, match=r"auxiliary_losses\[0\].weight: must be above 0"):
        validate(run)


def test_a_saved_run_says_which_modules_its_choices_come_from(
    composed: Compose, extension: Path, tmp_path: Path
) -> None:
    run = composed("train", f"imports=[{extension}]", "batch_transforms=[nothing]")
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(run), encoding="utf-8")
    assert load_run_config(path) == run
    BATCH_TRANSFORMS.remove("nothing")
    with pytest.raises(CheckpointError, match=rf"'nothing'.*add imports=\[{extension}\]"):
        load_run_config(path)


def test_tokens_of_sources_without_tokens_cannot_be_replaced(composed: Compose) -> None:
    run = composed("train", "data=copy", "batch_transforms=[word_dropout]")
    run.data.source_kind = "features"
    with pytest.raises(ConfigError, match=r"batch_transforms\[0\].source: must be 0 for sources"):
        validate(run)


def test_an_option_may_be_a_path_or_a_list_of_paths(composed: Compose, tmp_path: Path) -> None:
    files = ["data.train.source=[a.en,b.en]", "data.train.target=[a.de,b.de]"]
    languages = ["data.source_language=en", "data.target_language=de"]
    run = composed("train", "data=files", *languages, *files, "data.test.path=c.tsv")
    assert run.data.train.source == ["a.en", "b.en"]
    assert run.data.test.path == "c.tsv"
    validate(run)
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(run), encoding="utf-8")
    assert load_run_config(path) == run
    run = composed("train", "data=files", *languages, "data.train.path={a:b}")
    with pytest.raises(ConfigError, match=r"data\.train\.path: must be a path or a list of paths"):
        validate(run)
