"""`init_from`: weights and vocabulary of a finished run, for the same model only."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seq2seq.attention.catalogue import LocalConfig
from seq2seq.bundle.files import build_model, load_bundle, write_bundle
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.kinds.features import FeatureSource
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import ConfigError
from seq2seq.model.config import TiedEmbeddings
from seq2seq.run.init_from import init_from_problems, load_initial_weights, with_vocabulary
from tests.results.bundles import make_run, train_tokenizers


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "run", train_tokenizers(folder))


@pytest.fixture
def config(finished: Path) -> RunConfig:
    """Of another corpus and another seed."""
    data = FilesConfig(
        source_language="xx", target_language="yy", train=SplitFiles("other.s", "other.t")
    )
    return RunConfig(
        seed=9, init_from=str(finished), model=load_bundle(finished).config.model, data=data
    )


def test_the_weights_are_those_of_the_run(config: RunConfig, finished: Path) -> None:
    assert init_from_problems(config) == []
    bundle = load_bundle(finished)
    model = build_model(config, bundle.tokenizers)
    before = model.state_dict()["output.weight"].clone()
    load_initial_weights(model, config)
    assert not torch.equal(before, model.state_dict()["output.weight"])
    for name, tensor in bundle.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
    assert model.training


def test_without_init_from_nothing_happens(config: RunConfig, finished: Path) -> None:
    config.init_from = None
    assert init_from_problems(config) == [] and with_vocabulary(config) is config
    model = build_model(config, load_bundle(finished).tokenizers)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    load_initial_weights(model, config)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_vocabulary_comes_with_the_weights(config: RunConfig, finished: Path) -> None:
    tokenizer = with_vocabulary(config).data.tokenizer
    assert tokenizer.joint and tokenizer.target_model is None and tokenizer.source_model is not None
    assert (
        Tokenizer.load(Path(tokenizer.source_model)).sha256
        == load_bundle(finished).tokenizers.source.sha256
    )
    assert config.data.tokenizer == TokenizerConfig(), "the configuration passed in is unchanged"


def test_another_model_is_refused_with_every_difference(config: RunConfig) -> None:
    encoder = replace(config.model.encoder, self_attention=LocalConfig())
    config.model = replace(config.model, d_model=32, dropout=0.0, encoder=encoder)
    config.data.tokenizer.vocab_size = 50
    d_model, attention, vocabulary = init_from_problems(config)
    assert d_model.startswith("model.d_model: must be 16, as in ") and "not 32" in d_model
    assert (
        attention.startswith("model.encoder.self_attention: must be full, as in ")
        and "not local" in attention
    )
    assert vocabulary == "data.tokenizer: comes with init_from; leave its options out"


def test_a_missing_run(config: RunConfig, tmp_path: Path) -> None:
    config.init_from = str(tmp_path)
    (problem,) = init_from_problems(config)
    assert problem.startswith(f"init_from: {tmp_path} is neither a run's folder nor a bundle")


def test_weights_of_another_vocabulary_size_are_refused(config: RunConfig, tmp_path: Path) -> None:
    small = Tokenizer.train(
        ["a b c d"] * 9, tmp_path / "small.model", config=TokenizerConfig(vocab_size=10)
    )
    model = build_model(
        config,
        replace(
            load_bundle(Path(str(config.init_from))).tokenizers,
            source=TextSource(small),
            target=small,
        ),
    )
    with pytest.raises(ConfigError, match="does not have the weights of this model"):
        load_initial_weights(model, config)


def test_sources_of_another_kind_are_refused(config: RunConfig) -> None:
    config.data.source_kind = "features"
    (problem,) = init_from_problems(config)
    assert problem.startswith("data.source_kind: must be text, as in ")


def test_a_run_on_features_gives_its_target_vocabulary(
    config: RunConfig, finished: Path, tmp_path: Path
) -> None:
    config.data.source_kind = "features"
    config.model = replace(config.model, tied_embeddings=TiedEmbeddings.target)
    saved = replace(config, init_from=None)
    tokenizers = Tokenizers(FeatureSource(5), load_bundle(finished).tokenizers.target)
    write_bundle(tmp_path / "model", saved, build_model(saved, tokenizers), tokenizers, {}, {})
    config.init_from = str(tmp_path)
    assert init_from_problems(config) == []
    tokenizer = with_vocabulary(config).data.tokenizer
    assert tokenizer.source_model is None and tokenizer.target_model is not None
    assert Tokenizer.load(Path(tokenizer.target_model)).sha256 == tokenizers.target.sha256
    model = build_model(config, tokenizers)
    load_initial_weights(model, config)
    for name, tensor in load_bundle(tmp_path).model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
