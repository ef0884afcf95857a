"""Several segmentations of a source: the same text and words, drawn by it alone, the best kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq.data.config import TokenizerConfig, TokenizerKind
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import NO_WORD, words_of_characters
from seq2seq.decoding.config import Engine
from seq2seq.errors import ConfigError
from seq2seq.evaluation.batches import DecodingBatch
from seq2seq.evaluation.encoded_line import EncodedLine, encode_lines
from seq2seq.evaluation.segmentations import Segmentations
from seq2seq.evaluation.translate import Translator
from tests.decoding.tiny import tiny
from tests.evaluation.test_translate import CONFIG, LINES, TEXT, tokenizers, with_bytes

__all__ = ["tokenizers", "with_bytes"]

SEVERAL = replace(CONFIG, beam_size=1, segmentations=5, segmentation_dropout=0.4)


@pytest.fixture(params=["tokenizers", "with_bytes"])
def either(request: pytest.FixtureRequest) -> Tokenizers:
    chosen: Tokenizers = request.getfixturevalue(request.param)
    return chosen


def encoded(tokenizers: Tokenizers, lines: list[str]) -> list[EncodedLine]:
    return encode_lines(tokenizers.source, lines, 48, split=words_of_characters)


def test_candidates_are_the_same_text_and_words(either: Tokenizers) -> None:
    lines = [line for line in LINES + TEXT if line.strip()]
    sources = encoded(either, lines)
    candidates = Segmentations(either, SEVERAL, 48).candidates(sources, range(len(lines)))
    assert [x.source for x in candidates[: len(lines)]] == sources
    assert len(candidates) > 3 * len(lines)
    for line, source in candidates[len(lines) :]:
        assert either.target.decode(source.units) == either.target.decode(sources[line].units)
        assert source.units != sources[line].units
        words = set(source.words) - {NO_WORD}
        assert words == set(sources[line].words) - {NO_WORD}
        assert source.words == either.target.words_of_ids(source.units) or "Ж" in lines[line]
    alone = Segmentations(either, SEVERAL, 48).candidates(sources, [3])
    assert alone == [x for x in candidates if x.line == 3], "whatever else is segmented"
    assert len({tuple(x.source.units) for x in alone}) == len(alone)


def test_the_best_scored_translation_is_returned(tokenizers: Tokenizers) -> None:
    model = tiny(vocab=tokenizers.target.vocab_size, seed=3, longest=48)
    lines = [line for line in LINES + TEXT if line.strip()]
    one = Translator([model], tokenizers, replace(SEVERAL, segmentations=1))
    several = Translator([model], tokenizers, SEVERAL)
    better = 0
    best_translations = list(several.translate(lines))
    for line, plain, best in zip(lines, one.translate(lines), best_translations, strict=True):
        (source,) = encoded(tokenizers, [line])
        candidates = several.segmentations.candidates([source], [0])
        batches = [DecodingBatch([x.source], None, [1]) for x in candidates]
        results = [several._translate_batch(batch)[0][0][0] for batch in batches]
        assert best.n_best[0] == max(results, key=lambda x: x.score), "the first of equal ones"
        better += best.score > plain.score
    assert better > 0
    stronger = Translator([model], tokenizers, replace(SEVERAL, segmentation_dropout=0.9))
    assert [x.score for x in stronger.translate(lines)] != [x.score for x in best_translations]


def test_what_cannot_be_honoured_is_refused(tmp_path: Path) -> None:
    (problem,) = replace(SEVERAL, engine=Engine.ctranslate2, segmentation_dropout=0.1).problems()
    assert problem.startswith("segmentations: must be 1 with engine=ctranslate2, not 5")
    config = TokenizerConfig(kind=TokenizerKind.word, vocab_size=70)
    words = Tokenizer.train(TEXT, tmp_path / "a.model", config=config)
    with pytest.raises(ConfigError, match="decoding.segmentations: must be 1 for .* not 5"):
        Segmentations(Tokenizers(TextSource(words), words), SEVERAL, 48)
