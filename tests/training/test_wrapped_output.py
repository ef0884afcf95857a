"""A module put in place of the output projection acts in training and in validation."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from lightning.pytorch.strategies import Strategy

from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.model.transformer import Transformer
from seq2seq.training.validation import Validator
from tests.model.test_output import negate, reparametrize, wrap
from tests.training.tiny import fit, tiny_corpus, tiny_model, tiny_module

ALONE = cast(Strategy, SimpleNamespace(reduce=lambda value, reduce_op: value))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"), num_validation=20)


def models(corpus: PreparedCorpus, change: Any) -> tuple[Transformer, Transformer, Transformer]:
    """A plain model, one with negated output weights, and one whose wrapper negates them."""
    size = corpus.tokenizers.target.vocab_size
    plain, negated, wrapped = (tiny_model(vocab_size=size) for _ in range(3))
    negate(negated)
    change(wrapped)
    return plain, negated, wrapped


@pytest.mark.parametrize("change", [wrap, reparametrize])
def test_a_wrapper_acts_in_validation(corpus: PreparedCorpus, change: Any) -> None:
    validator = Validator(
        corpus.validation,
        corpus.tokenizers,
        target_language="en",
        metrics=["chrf"],
        batch=BatchConfig(max_tokens=64),
        bleu_lines=20,
        rank=0,
        world_size=1,
    )
    plain, expected, wrapped = (validator(model, ALONE) for model in models(corpus, change))
    assert wrapped == pytest.approx(expected, rel=1e-5)
    assert wrapped["val/loss"] != pytest.approx(plain["val/loss"], rel=1e-3)


@pytest.mark.parametrize("change", [wrap, reparametrize])
def test_a_wrapper_acts_in_training(corpus: PreparedCorpus, change: Any) -> None:
    """The encoder's gradients pass through the wrapper, so its weights after a step are equal."""
    weights = []
    for model in models(corpus, change):
        fit(tiny_module(model), corpus, max_steps=1, max_tokens=64)
        weights.append(torch.cat([p.detach().flatten() for p in model.encoder.parameters()]))
    plain, expected, wrapped = weights
    torch.testing.assert_close(wrapped, expected)
    assert not torch.allclose(wrapped, plain)
