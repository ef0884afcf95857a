"""Every line is translated in order; results do not depend on length or batch composition."""

from dataclasses import replace

import pytest
import torch

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role, WeightKind
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.decoding.ensemble import EncodedSources
from seq2seq.errors import ConfigError
from seq2seq.evaluation.encoded_line import EncodedLine
from seq2seq.evaluation.translate import Translator
from seq2seq.evaluation.word_aligner import WordAligner
from seq2seq.model.transformer import Transformer
from tests.decoding.tiny import near, tiny

TEXT = [
    "the old house by the river was sold",
    "a small house stood near the old bridge",
    "the bridge over the river is closed today",
    "today the small river looks calm and blue",
]
LINES = [
    "the old bridge",
    "",
    "the river was calm",
    "house",
    "   ",
    " the  small\thouse by the blue river ",
    "the old bridge",
    "over the river",
    "unseen Ж letters",
]
CONFIG = DecodingConfig(beam_size=3, max_length_ratio=1.0, max_length_offset=4)
METHODS = {
    "greedy": replace(CONFIG, beam_size=1),
    "beam": replace(CONFIG, n_best=2),
    "sampling": replace(CONFIG, method=DecodingMethod.sampling, n_best=2),
    "segmentations": replace(CONFIG, beam_size=1, segmentations=4, segmentation_dropout=0.3),
}
CROSS = {name: kind() for name, kind in MECHANISMS.items() if Role.CROSS in kind.roles}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    path = tmp_path_factory.mktemp("tokenizer") / "joint.model"
    joint = Tokenizer.train(TEXT * 3, path, config=TokenizerConfig(vocab_size=70))
    return Tokenizers(TextSource(joint), joint)


@pytest.fixture(scope="module")
def with_bytes(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    path = tmp_path_factory.mktemp("tokenizer") / "joint.model"
    joint = Tokenizer.train(
        TEXT * 3, path, config=TokenizerConfig(vocab_size=310, byte_fallback=True)
    )
    return Tokenizers(TextSource(joint), joint)


def model_for(
    tokenizers: Tokenizers,
    *,
    seed: int = 1,
    longest: int = 48,
    cross: AttentionConfig | None = None,
) -> Transformer:
    return tiny(vocab=tokenizers.target.vocab_size, seed=seed, longest=longest, cross=cross)


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
def test_every_line_is_translated_in_order(tokenizers: Tokenizers, config: DecodingConfig) -> None:
    finished: list[int] = []
    translator = Translator([model_for(tokenizers)], tokenizers, config)
    translations = list(translator.translate(LINES, progress=finished.append))
    assert [translation.source for translation in translations] == LINES
    assert sum(finished) == len(LINES)
    has_tokens = [bool(translation.tokens) for translation in translations]
    assert has_tokens == [bool(line.strip()) for line in LINES]
    for translation in translations:
        assert translation.text == tokenizers.target.decode(translation.tokens)
        assert not translation.cut
        assert len(translation.n_best) == (config.n_best if translation.source.strip() else 1)
    empty = translations[1]
    assert (empty.text, empty.log_probability, empty.score) == ("", 0.0, 0.0)
    if config.method is DecodingMethod.beam:
        assert translations[0].n_best == translations[6].n_best


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("aligned", [False, True])
def test_batches_change_nothing(
    tokenizers: Tokenizers, config: DecodingConfig, aligned: bool
) -> None:
    """Bit for bit: batches of one sentence, of few, of all, and other windows of lines."""
    model = model_for(tokenizers)
    alignment = AlignmentConfig() if aligned else None
    lines = LINES + TEXT
    expected = list(Translator([model], tokenizers, config, alignment).translate(lines))
    for settings in (
        {"batch_size": 1},
        {"batch_size": 7},
        {"batch_tokens": 1},
        {"batch_tokens": 40},
    ):
        translator = Translator([model], tokenizers, replace(config, **settings), alignment)
        for a, b in zip(translator.translate(lines), expected, strict=True):
            assert a.n_best == b.n_best
            assert (a.alignment is None) == (not aligned)
            if a.alignment is not None and b.alignment is not None:
                assert a.alignment.links == b.alignment.links
    translator = Translator([model], tokenizers, config, alignment)
    windows = translator.translate(iter(lines), window=3)
    assert [a.n_best for a in windows] == [b.n_best for b in expected]


def test_a_window_of_lines_is_read_at_a_time(tokenizers: Tokenizers) -> None:
    lines = iter(LINES)
    translator = Translator([model_for(tokenizers)], tokenizers, CONFIG)
    assert next(translator.translate(lines, window=2)).source == LINES[0]
    assert next(lines) == LINES[2]


def test_a_line_that_is_too_long_is_cut_and_marked(tokenizers: Tokenizers) -> None:
    model = model_for(tokenizers, longest=10)
    long = " ".join(TEXT)
    for alignment in (None, AlignmentConfig()):
        first, second = Translator([model], tokenizers, CONFIG, alignment).translate(
            [long, "the house"]
        )
        assert first.cut
        assert not second.cut
        assert first.source == long
        beginning = tokenizers.target.decode(tokenizers.target.encode(long)[:9])
        (alone,) = Translator([model], tokenizers, CONFIG).translate([beginning])
        assert alone.tokens == first.tokens
    translator = Translator([model], tokenizers, CONFIG, AlignmentConfig())
    (scored,) = translator.score(["the house"], [long])
    assert scored.cut
    assert scored.text == long
    assert len(scored.tokens) == 9


def test_prefixes_are_continued(tokenizers: Tokenizers) -> None:
    prefixes = ["the old", "", "a small", "", "", "today", "the", "over", ""]
    translator = Translator([model_for(tokenizers)], tokenizers, CONFIG)
    free = list(translator.translate(LINES))
    for prefix, before, after in zip(
        prefixes, free, translator.translate(LINES, prefixes=prefixes), strict=True
    ):
        assert after.text.startswith(prefix)
        assert bool(prefix) or after == before


def test_unk_is_produced_only_if_allowed(tokenizers: Tokenizers) -> None:
    model = model_for(tokenizers)
    with torch.no_grad():
        model.output.weight.zero_()
    line = ["the old bridge"]
    config = replace(CONFIG, beam_size=1, min_length=2)
    (without,) = Translator([model], tokenizers, config).translate(line)
    with_unk = replace(config, allow_unknown=True)
    (allowed,) = Translator([model], tokenizers, with_unk).translate(line)
    assert Tokenizer.UNK_ID not in without.tokens
    assert Tokenizer.UNK_ID in allowed.tokens


@pytest.mark.parametrize("alignment", [None, AlignmentConfig()])
def test_a_translation_has_the_same_score_by_forced_decoding(
    tokenizers: Tokenizers, alignment: AlignmentConfig | None
) -> None:
    """Where the text is split into the same subwords; otherwise other subwords are scored."""
    translator = Translator([model_for(tokenizers)], tokenizers, CONFIG, alignment)
    translations = list(translator.translate(LINES))
    texts = [translation.text for translation in translations]
    finished: list[int] = []
    scored = list(translator.score(LINES, texts, progress=finished.append))
    assert sum(finished) == len(LINES)
    compared = 0
    for a, b in zip(translations, scored, strict=True):
        assert b.token_log_probabilities is not None
        assert len(b.token_log_probabilities) == len(b.tokens) + 1
        assert near(sum(b.token_log_probabilities), b.log_probability, 1e-5)
        if a.tokens and a.tokens == b.tokens:
            compared += 1
            assert abs(a.log_probability - b.log_probability) < 1e-4
            assert near(a.score, b.score)
            if a.alignment and b.alignment:
                assert a.alignment.links == b.alignment.links
    assert compared


def test_more_or_fewer_references_than_lines_are_an_error(tokenizers: Tokenizers) -> None:
    translator = Translator([model_for(tokenizers)], tokenizers, CONFIG)
    with pytest.raises(ValueError, match="zip"):
        list(translator.score(LINES, LINES[1:]))


@pytest.mark.parametrize("config", CROSS.values(), ids=CROSS)
def test_every_mechanism_is_aligned_or_refused_by_name(
    tokenizers: Tokenizers, config: AttentionConfig
) -> None:
    models = [model_for(tokenizers, cross=config)]
    if config.weights is WeightKind.none:
        with pytest.raises(ConfigError, match=config.name):
            Translator(models, tokenizers, CONFIG, AlignmentConfig(enabled=True))
        translator = Translator(models, tokenizers, CONFIG, AlignmentConfig())
        assert all(translation.alignment is None for translation in translator.translate(LINES))
        return
    for enabled in (None, True):
        translator = Translator(models, tokenizers, CONFIG, AlignmentConfig(enabled=enabled))
        alignments = [translation.alignment for translation in translator.translate(LINES)]
        assert any(alignment and alignment.links for alignment in alignments)
    translator = Translator(models, tokenizers, CONFIG, AlignmentConfig(enabled=False))
    assert all(translation.alignment is None for translation in translator.translate(LINES))


@pytest.mark.parametrize("all_layers", [False, True])
def test_links_are_between_words_of_both_lines(with_bytes: Tokenizers, all_layers: bool) -> None:
    config = AlignmentConfig(method=LinkMethod.argmax, layer=0, heads=[1], all_layers=all_layers)
    translator = Translator([model_for(with_bytes)], with_bytes, CONFIG, config)
    for translation in translator.translate(LINES):
        alignment = translation.alignment
        assert alignment is not None
        source, target = translation.source.split(), translation.text.split()
        assert all(i < len(source) and j < len(target) for i, j in alignment.links)
        linked_words = {j for _, j in alignment.links}
        assert len(linked_words) == len(alignment.links), "one link per target word"
        assert alignment.weights.shape == (
            len(alignment.target_subwords),
            len(alignment.source_subwords),
        )
        assert alignment.source_subwords[-1] == "</s>"
        assert bool(alignment.links) == bool(source)
        assert with_bytes.target.decode(translation.tokens) == translation.text
        if alignment.all_weights is None:
            assert not all_layers
        else:
            assert alignment.all_weights.shape == (2, 2, *alignment.weights.shape)
            assert torch.allclose(alignment.all_weights[0, 1], alignment.weights)


def test_links_follow_the_weights(tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Target subword n attends to source subword n alone: equal lines are linked word by word."""

    def diagonal(
        self: WordAligner, encoded: EncodedSources, targets: list[EncodedLine]
    ) -> list[torch.Tensor]:
        widths = (encoded.lengths + 1).tolist()
        return [
            torch.eye(len(target.units), width)[None, None, None]
            for target, width in zip(targets, widths, strict=False)
        ]

    monkeypatch.setattr(WordAligner, "subword_weights", diagonal)
    translator = Translator(
        [model_for(tokenizers)], tokenizers, CONFIG, AlignmentConfig(enabled=True)
    )
    lines = [" the old  bridge", "the small\u00a0house", "", "river"]
    for translation in translator.score(lines, lines):
        assert translation.alignment is not None
        words = len(translation.source.split())
        assert translation.alignment.links == {(word, word) for word in range(words)}


def test_words_of_produced_subwords(with_bytes: Tokenizers) -> None:
    """Subwords that `encode` never returns: extra spaces, split characters, a special token."""
    tokenizer = with_bytes.target
    space = tokenizer.encode("Ж")[0]
    letter = tokenizer.encode("Ж")[1:]
    house = tokenizer.encode("house")
    ids = [space, space, *house, Tokenizer.UNK_ID, space, *letter, *letter, space, *house]
    assert tokenizer.decode(ids) == "house ЖЖ house"
    expected = [-1, -1, *[0] * len(house), -1, -1, *[1] * 2 * len(letter), -1, *[2] * len(house)]
    assert tokenizer.words_of_ids(ids) == expected
    assert tokenizer.words_of_ids([]) == []
    for line in TEXT:
        ids, words = tokenizer.encode_words(line)
        assert tokenizer.words_of_ids(ids) == words


def test_an_ensemble_is_aligned_by_the_mean_of_its_models(tokenizers: Tokenizers) -> None:
    models = [model_for(tokenizers, seed=seed) for seed in (1, 2)]
    lines, references = ["the old bridge"], ["the blue river"]
    (together,) = Translator(models, tokenizers, CONFIG, AlignmentConfig()).score(lines, references)
    weights = []
    for model in models:
        translator = Translator([model], tokenizers, CONFIG, AlignmentConfig())
        (single,) = translator.score(lines, references)
        assert single.alignment is not None
        weights.append(single.alignment.weights)
    assert together.alignment is not None
    mean = torch.stack(weights).mean(0)
    assert torch.allclose(together.alignment.weights, mean, atol=1e-6)
    with pytest.raises(ConfigError, match=r"alignment\.all_layers"):
        Translator(models, tokenizers, CONFIG, AlignmentConfig(all_layers=True))


def test_wrong_options_are_refused_with_their_path(tokenizers: Tokenizers) -> None:
    model = model_for(tokenizers)
    with pytest.raises(ConfigError, match=r"decoding\.beam_size"):
        Translator([model], tokenizers, DecodingConfig(beam_size=0))
    for alignment, match in (
        (AlignmentConfig(threshold=0.0), r"alignment\.threshold"),
        (AlignmentConfig(layer=2), r"alignment\.layer"),
        (AlignmentConfig(heads=[2]), r"alignment\.heads"),
    ):
        with pytest.raises(ConfigError, match=match):
            Translator([model], tokenizers, CONFIG, alignment)
