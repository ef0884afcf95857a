"""A translation is that of its sentence alone, and its score that of training's own path.

For each mechanism in each role that it may serve, with full attention in the others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from seq2seq.attention.config import MECHANISMS, Role
from seq2seq.attention.modifier_options import MODIFIERS
from seq2seq.data.batch import collate
from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.evaluation.translate import Translator
from seq2seq.evaluation.translation import Translation
from seq2seq.model.transformer import Transformer
from seq2seq.training.module import TranslationModule
from seq2seq.training.optimizer_config import OptimizerConfig, ScheduleConfig
from tests.decoding.tiny import tiny
from tests.results.bundles import sentences

ROLES = {Role.ENCODER: "encoder", Role.CAUSAL: "causal", Role.CROSS: "cross"}
SITES = [(name, role) for name, kind in MECHANISMS.items() for role in ROLES if role in kind.roles]
SITES += [(f"full+{option}", role) for option in MECHANISMS["full"].modifiers() for role in ROLES]
SCORES = 1e-5  # by which scores may differ, and log-probabilities a token
BEAM = DecodingConfig(beam_size=3, n_best=3, max_length_ratio=0.0, max_length_offset=7, workers=1)
GREEDY = replace(BEAM, beam_size=1, n_best=1)
SAMPLING = DecodingConfig(
    method=DecodingMethod.sampling, n_best=2, max_length_ratio=0.0, max_length_offset=7, workers=1
)
CONFIGS = {"beam": BEAM, "greedy": GREEDY, "sampling": SAMPLING}
LINES = sentences(4, seed=3, longest=5)
TARGETS = sentences(4, seed=4, longest=5)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    path = tmp_path_factory.mktemp("tokenizer") / "joint.model"
    joint = Tokenizer.train(sentences(300), path, config=TokenizerConfig(vocab_size=100))
    return Tokenizers(TextSource(joint), joint)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    number = torch.get_num_threads()
    yield
    torch.set_num_threads(number)


def model_with(
    tokenizers: Tokenizers, name: str, role: Role, *, seed: int = 1, d_model: int = 32
) -> Transformer:
    mechanism, _, modifier = name.partition("+")
    on = {modifier: MODIFIERS[modifier].values[0]} if modifier else {}
    config = MECHANISMS[mechanism](**on)
    return tiny(
        vocab=tokenizers.target.vocab_size,
        seed=seed,
        longest=48,
        layers=1,
        d_model=d_model,
        num_heads=4,
        **{ROLES[role]: config},  # type: ignore[arg-type]
    )


def comparisons(
    model: Transformer,
    tokenizers: Tokenizers,
    lines: Sequence[str],
    config: DecodingConfig,
    settings: Iterable[tuple[int, bool, int]],
) -> tuple[int, float]:
    """Number of sentences compared with those of one batch, and the greatest difference of scores.

    Args:
        settings: sentences in a batch, whether the text is read backwards, threads.

    Raises:
        AssertionError: a sentence has another n-best list.
    """

    def translated(size: int, backwards: bool, threads: int) -> list[Translation]:
        torch.set_num_threads(threads)
        options = replace(config, batch_size=size)
        text = lines[::-1] if backwards else lines
        results = list(Translator([model], tokenizers, options).translate(text))
        return results[::-1] if backwards else results

    expected = translated(len(lines), False, 1)
    count, largest = 0, 0.0
    for setting in settings:
        for a, b in zip(translated(*setting), expected, strict=True):
            assert [x.tokens for x in a.n_best] == [x.tokens for x in b.n_best], (setting, a.source)
            for x, y in zip(a.n_best, b.n_best, strict=True):
                largest = max(largest, abs(x.score - y.score))
                largest = max(largest, abs(x.log_probability - y.log_probability))
            count += 1
    return count, largest


@pytest.mark.parametrize(("name", "role"), SITES, ids=str)
def test_a_translation_is_that_of_its_sentence_alone(
    tokenizers: Tokenizers, name: str, role: Role
) -> None:
    model = model_with(tokenizers, name, role)
    settings = [(1, False, 1), (3, True, 1)]
    count, largest = comparisons(model, tokenizers, LINES, BEAM, settings)
    assert count == 2 * len(LINES)
    assert largest <= SCORES


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("d_model", [32, 64, 256])
@pytest.mark.parametrize(("name", "role"), SITES, ids=str)
def test_it_is_so_in_many_batches_and_with_two_threads(
    tokenizers: Tokenizers, name: str, role: Role, config: DecodingConfig, d_model: int
) -> None:
    lines = sentences(24, seed=5, longest=20)
    model = model_with(tokenizers, name, role, seed=2, d_model=d_model)
    options = replace(config, max_length_ratio=1.0, max_length_offset=5)
    # a sample belongs to the number of its line
    orders = (False,) if config.method is DecodingMethod.sampling else (False, True)
    settings = list(product((1, 7, 24), orders, (1, 2)))
    count, largest = comparisons(model, tokenizers, lines, options, settings)
    assert count == len(settings) * len(lines)
    assert largest <= SCORES


@pytest.mark.parametrize(("name", "role"), SITES, ids=str)
def test_scores_are_those_of_the_path_of_training(
    tokenizers: Tokenizers, name: str, role: Role
) -> None:
    """float32, evaluation mode: one by one with the padding of a batch, and as a batch."""
    model = model_with(tokenizers, name, role)
    module = TranslationModule(
        model,
        optimizer=OptimizerConfig(label_smoothing=0.0),
        schedule=ScheduleConfig(),
        seed=1,
    ).eval()
    sides = [Column.of(tokenizers.target.encode_batch(side)) for side in (LINES, TARGETS)]
    pairs = EncodedPairs(*sides)
    scored = list(Translator([model], tokenizers, BEAM).score(LINES, TARGETS))
    widths = {
        "source_width": int(pairs.source_lengths().max()),
        "target_width": int(pairs.target_lengths().max()),
    }
    with torch.inference_mode():
        for row, translation in enumerate(scored):
            total = float(module.loss(collate(pairs, np.array([row]), **widths)))
            tokens = len(translation.tokens) + 1
            assert abs(total + translation.log_probability) <= SCORES * tokens
        rows = np.arange(len(scored))
        together = float(module.loss(collate(pairs, rows)))
    expected = sum(translation.log_probability for translation in scored)
    assert abs(together + expected) <= SCORES * int(pairs.target_lengths().sum())
