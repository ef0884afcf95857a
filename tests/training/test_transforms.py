"""Word dropout, and batch transforms in training."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from seq2seq.data.batch import Batch
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.padding import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Features, Padding, Tokens
from seq2seq.training.transforms import BATCH_TRANSFORMS, BatchTransform, WordDropoutConfig
from seq2seq.training.word_dropout import WordDropout, drop_words
from tests.training.tiny import fit, tiny_batch, tiny_corpus, tiny_model, tiny_module


def long_tokens() -> Tokens:
    """20,000 ordinary tokens, and rows that end with </s> and padding."""
    ids = torch.randint(EOS_ID + 1, 30, (100, 204), generator=torch.Generator().manual_seed(1))
    ids[:, 0], ids[:, 1], ids[:, -2], ids[:, -1] = BOS_ID, UNK_ID, EOS_ID, PAD_ID
    return Tokens(ids, Padding(torch.full((100,), 203), 204))


@pytest.mark.parametrize("probability", [0.05, 0.3, 0.9])
def test_words_are_replaced_with_the_probability_and_special_tokens_never(
    probability: float,
) -> None:
    torch.manual_seed(1)
    before = long_tokens()
    after = drop_words(before, probability)
    changed = before.ids != after.ids
    assert (after.ids[changed] == UNK_ID).all()
    assert not changed[before.ids <= EOS_ID].any()
    assert changed.sum() / 20_000 == pytest.approx(probability, abs=0.02)
    assert after.padding is before.padding
    assert not torch.equal(changed, drop_words(before, probability).ids != before.ids)


@pytest.mark.parametrize(("source", "target"), [(0.9, 0.0), (0.0, 0.9), (0.9, 0.9)])
def test_either_side_can_be_changed_and_labels_never_are(source: float, target: float) -> None:
    torch.manual_seed(1)
    before = tiny_batch([0, 1, 2])
    after = WordDropout(source=source, target=target)(before)
    assert isinstance(before.source, Tokens) and isinstance(after.source, Tokens)
    assert torch.equal(before.source.ids, after.source.ids) == (source == 0)
    assert torch.equal(before.target.ids, after.target.ids) == (target == 0)
    assert (after.target.ids[:, 0] == BOS_ID).all()
    assert replace(after, source=before.source, target=before.target) == before


def test_frames_are_left_to_other_transforms() -> None:
    frames = Features(torch.zeros(1, 2, 3), Padding(torch.tensor([2]), 2))
    batch = replace(tiny_batch([0]), source=frames)
    assert WordDropout(source=0.0, target=0.5)(batch).source is frames
    with pytest.raises(AssertionError, match="only tokens"):
        WordDropout(source=0.5, target=0.5)(batch)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"source": 1.0}, "source"),
        ({"target": -0.1}, "target"),
        ({"source": float("nan")}, "source"),
        ({"source": 0.0, "target": 0.0}, "source"),
    ],
)
def test_impossible_options_are_named(options: dict[str, float], option: str) -> None:
    (problem,) = WordDropoutConfig(**options).problems()
    assert problem.startswith(f"{option}: ")


def test_default_options_build() -> None:
    assert list(WordDropoutConfig().problems()) == []
    transform = WordDropoutConfig(source=0.2).build()
    assert isinstance(transform, WordDropout)
    assert (transform.source, transform.target) == (0.2, 0.1)
    assert BATCH_TRANSFORMS["word_dropout"] is WordDropoutConfig


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"))


@dataclass
class Recorder:
    """A transform that changes nothing and remembers batches, and what could be drawn."""

    batches: list[Batch]
    draws: list[float]

    def __call__(self, batch: Batch) -> Batch:
        self.batches.append(batch)
        self.draws.append(torch.random.get_rng_state().sum().item())
        return batch


def trained(corpus: PreparedCorpus, transforms: list[BatchTransform], steps: int = 4) -> Any:
    """The weights after some steps; dropout is on, so they depend on every random draw."""
    vocab_size = corpus.tokenizers.target.vocab_size
    module = tiny_module(
        tiny_model(vocab_size=vocab_size, dropout=0.3), batch_transforms=transforms
    )
    fit(module, corpus, max_steps=steps, max_tokens=64, accumulate=2)
    return {name: tensor.clone() for name, tensor in module.model.state_dict().items()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_a_transform_that_changes_nothing_changes_no_bit(corpus: PreparedCorpus) -> None:
    assert equal(trained(corpus, []), trained(corpus, [lambda batch: batch]))


def test_transforms_act_in_their_order_on_every_micro_batch(corpus: PreparedCorpus) -> None:
    first, last = Recorder([], []), Recorder([], [])
    dropout = WordDropout(source=0.5, target=0.5)
    assert not equal(trained(corpus, []), trained(corpus, [first, dropout, last]))
    assert len(first.batches) == len(last.batches) == 8
    for before, after in zip(first.batches, last.batches, strict=True):
        assert torch.equal(before.indices, after.indices)
        assert not torch.equal(before.target.ids, after.target.ids)


def test_a_transform_that_changes_the_number_of_labels_is_a_mistake(
    corpus: PreparedCorpus,
) -> None:
    with pytest.raises(AssertionError, match="number of labels"):
        trained(corpus, [lambda batch: replace(batch, target_tokens=1)])


def test_what_is_drawn_depends_on_the_micro_batch_alone(corpus: PreparedCorpus) -> None:
    """Other draws before it, such as those of another length of training, do not matter."""
    whole, again = Recorder([], []), Recorder([], [])

    def draw(batch: Batch) -> Batch:
        torch.rand(7)
        return batch

    trained(corpus, [whole])
    trained(corpus, [again, draw])
    assert whole.draws == again.draws
    assert len(set(whole.draws)) > 1
