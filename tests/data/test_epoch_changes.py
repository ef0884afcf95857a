"""Changes by epoch: within the batches, the same after a stop, each pair in both directions."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seq2seq.data.augmentation_config import AugmentationConfig
from seq2seq.data.batch import Batch
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.config import DataConfig, TokenizerConfig, TokenizerKind
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.epoch_changes import EpochChanges
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.loader import TrainLoader
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.training.stream import TrainingStream
from tests.data.test_word_encoder import sentences, train

SOURCE = [f"{text} {number}" for number, text in enumerate(sentences(150))]
TARGET = [" ".join(reversed(text.split())) for text in SOURCE]
MAX_TOKENS = 300
DROPOUT = AugmentationConfig(bpe_dropout_source=0.2, bpe_dropout_target=0.1)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    text = [*SOURCE, *map(str, range(150))]
    config = TokenizerConfig(vocab_size=60)
    joint = Tokenizer.train(text, tmp_path_factory.mktemp("spm") / "a.model", config=config)
    return Tokenizers(TextSource(joint), joint)


@pytest.fixture(scope="module")
def pairs(tokenizers: Tokenizers) -> EncodedPairs:
    return EncodedPairs(*map(tokenizers.target.encode_column, (SOURCE, TARGET)))


def loader(
    pairs: EncodedPairs,
    tokenizers: Tokenizers,
    augmentation: AugmentationConfig | None = None,
    *,
    mark: bool = False,
    **options: int,
) -> TrainLoader:
    config = DataConfig(augmentation=augmentation or AugmentationConfig(), mark_direction=mark)
    changes = EpochChanges(pairs, config, tokenizers, seed=3)
    batch = BatchConfig(max_tokens=MAX_TOKENS)
    return TrainLoader(pairs, batch, seed=3, changes=changes, **options)


def content(batch: Batch) -> tuple[object, ...]:
    tensors = batch.source.ids, batch.target.ids, batch.labels, batch.indices
    return *(x.tolist() for x in tensors), batch.step_target_tokens


def texts(batch: Batch, tokenizers: Tokenizers) -> list[tuple[int, str, str]]:
    sides = (
        [tokenizers.target.decode(x) for x in ids.tolist()]
        for ids in (batch.source.ids, batch.labels)
    )
    return list(zip(batch.indices.tolist(), *sides, strict=True))


def stream(whole: TrainLoader, share: float = 0.0, steps: int = 40) -> TrainingStream:
    return TrainingStream(whole, max_steps=steps, both_directions=share)


@pytest.mark.parametrize("augmentation", [None, DROPOUT])
@pytest.mark.parametrize(("both", "mark"), [(0, False), (1000, False), (0, True), (1000, True)])
def test_batches_hold_every_pair_and_keep_their_bounds(
    pairs: EncodedPairs,
    tokenizers: Tokenizers,
    augmentation: AugmentationConfig | None,
    both: int,
    mark: bool,
) -> None:
    found = []
    whole = loader(pairs, tokenizers, augmentation, mark=mark)
    for batch in whole.epoch(2, steps_of_both_directions=both):
        assert max(batch.source.ids.numel(), batch.labels.numel()) <= MAX_TOKENS
        assert batch.step_target_tokens == batch.target_tokens
        assert batch.target_tokens == int((batch.labels != Tokenizer.PAD_ID).sum())
        found += texts(batch, tokenizers)
    assert sorted(row for row, *_ in found) == list(range(len(pairs)))
    for row, *sides in found:
        assert sides in (
            [SOURCE[row], TARGET[row]],
            [TARGET[row], SOURCE[row]][:: 1 if both else -1],
        )


def test_most_rows_are_segmented_anew(pairs: EncodedPairs, tokenizers: Tokenizers) -> None:
    changed = 0
    for batch in loader(pairs, tokenizers, AugmentationConfig(bpe_dropout_source=0.3)).epoch(0):
        lengths = batch.source.padding.lengths.numpy()
        changed += int((lengths > pairs.source_lengths()[batch.indices.numpy()]).sum())
        own = pairs.target_lengths()[batch.indices.numpy()]
        assert batch.target.padding.lengths.tolist() == own.tolist(), "the other side stays"
    assert changed > 0.75 * len(pairs)


def test_two_epochs_read_each_pair_once_in_each_direction(
    pairs: EncodedPairs, tokenizers: Tokenizers
) -> None:
    both = loader(pairs, tokenizers)
    read: Counter[tuple[str, str]] = Counter()
    for epoch in (4, 5):
        exchanged = 0
        for batch in both.epoch(epoch, steps_of_both_directions=1000):
            sides = [(source, target) for _, source, target in texts(batch, tokenizers)]
            read.update(sides)
            exchanged += sum(pair not in set(zip(SOURCE, TARGET, strict=True)) for pair in sides)
        assert 0.3 < exchanged / len(pairs) < 0.7
    pairs_of_text = [*zip(SOURCE, TARGET, strict=True), *zip(TARGET, SOURCE, strict=True)]
    assert read == Counter(pairs_of_text)


@pytest.mark.parametrize("augmentation", [None, DROPOUT])
def test_marks_tell_the_direction(
    pairs: EncodedPairs, tokenizers: Tokenizers, augmentation: AugmentationConfig | None
) -> None:
    number = Counter[bool]()
    for batch in loader(pairs, tokenizers, augmentation, mark=True).epoch(
        3, steps_of_both_directions=1000
    ):
        is_mark = batch.source.ids == Tokenizer.BOS_ID
        assert not is_mark[:, 1:].any()
        for marked, (row, *sides) in zip(
            is_mark[:, 0].tolist(), texts(batch, tokenizers), strict=True
        ):
            pair = [SOURCE[row], TARGET[row]]
            assert sides == (pair[::-1] if marked else pair)
            number[marked] += 1
    assert min(number.values()) > 0.3 * len(pairs)


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize(("share", "number"), [(0.4, 16), (1, 40)])
def test_the_share_of_steps_decides_the_direction(
    pairs: EncodedPairs, tokenizers: Tokenizers, accumulate: int, share: float, number: int
) -> None:
    """Over several epochs, whose last steps have fewer micro-batches."""
    whole = stream(loader(pairs, tokenizers, accumulate=accumulate), share)
    wanted, steps, last = set(zip(SOURCE, TARGET, strict=True)), 0, -1
    assert whole.num_steps > whole.stages[0].steps_per_epoch
    for position, batch in enumerate(whole):
        sides = {(source, target) for _, source, target in texts(batch, tokenizers)}
        if not sides <= wanted:
            last = steps
        steps += whole.ends_step(position)
    assert steps == 40
    assert last == number - 1, "of 40 steps the first so many"


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("augmentation", [None, DROPOUT])
def test_a_stopped_run_reads_on_as_if_it_had_not_been_stopped(
    pairs: EncodedPairs,
    tokenizers: Tokenizers,
    augmentation: AugmentationConfig | None,
    accumulate: int,
) -> None:
    def begun() -> TrainingStream:
        whole = loader(pairs, tokenizers, augmentation, mark=True, accumulate=accumulate)
        return stream(whole, 0.5)

    straight = list(map(content, begun()))
    for position in range(1, len(straight), 5):
        whole, resumed = begun(), begun()
        whole.position = position
        state = whole.state_dict()
        resumed.load_state_dict(state)
        assert content(next(iter(resumed))) == straight[position]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_ranks_agree_about_the_tokens_of_a_step(
    pairs: EncodedPairs, tokenizers: Tokenizers, accumulate: int
) -> None:
    ranks = [
        list(
            loader(
                pairs, tokenizers, DROPOUT, rank=rank, world_size=2, accumulate=accumulate
            ).epoch(1, steps_of_both_directions=3)
        )
        for rank in (0, 1)
    ]
    for first in range(0, len(ranks[0]), accumulate):
        window = [batch for batches in ranks for batch in batches[first : first + accumulate]]
        tokens = {batch.step_target_tokens for batch in window}
        assert tokens == {sum(batch.target_tokens for batch in window)}
    rows = torch.cat([batch.indices for batches in ranks for batch in batches])
    assert sorted(rows.tolist()) == list(range(len(pairs)))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"both_directions": 0.3, "tokenizer": TokenizerConfig(joint=False)}, "one vocabulary"),
        ({"both_directions": 0.3, "max_target_length": 64}, "the same maximum length"),
        ({"both_directions": 0.3, "source_kind": "features"}, "text on both sides"),
        (
            {"augmentation": DROPOUT, "tokenizer": TokenizerConfig(kind=TokenizerKind.char)},
            "augmentation.bpe_dropout_source: must be 0 for kind=char",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused(options: dict[str, object], says: str) -> None:
    config = DataConfig(source_language="a", target_language="b")
    assert config.problems() == []
    (problem,) = replace(config, **options).problems()  # type: ignore[arg-type]
    assert says in problem


def test_splitting_and_dropout_exclude_each_other() -> None:
    (problem,) = replace(DROPOUT, split_probability=0.1).problems()
    assert "must be 0 with bpe_dropout_source" in problem


def test_a_vocabulary_of_another_kind_is_refused(pairs: EncodedPairs, tmp_path: Path) -> None:
    unigram = train(tmp_path, TokenizerKind.unigram)
    with pytest.raises(Exception, match="BPE-dropout needs a tokenizer of kind bpe"):
        loader(pairs, Tokenizers(TextSource(unigram), unigram), DROPOUT)
    assert np.array_equal(
        pairs.take(np.arange(3)).source.values, pairs.source.take(np.arange(3)).values
    )
