"""Tags follow their words in a task that reorders, with links that are known."""

import random
from pathlib import Path

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.data.prepare import prepare
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation.markup import parse_markup
from seq2seq.evaluation.markup_projection import with_markup
from seq2seq.evaluation.translate import Translator
from seq2seq.training.alignment_supervision import AlignmentSupervision
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from tests.integration.tasks import build
from tests.integration.test_alignment_supervision import HEAD, learn


def tagged(
    words: list[str], beside: range, opens: int, closes: int, last: int, inner: int, cut: int
) -> str:
    """Words with two elements, in one a tag without content and an element in one of its words.

    Args:
        beside: the words of the other element, which is left out if there are none.
        opens, closes: the words at which the element begins and ends.
        last: the word before which the tag without content stands.
        inner: the word with another element, which has its first `cut` characters.
    """
    parts = list(words)
    parts[inner] = f"<i n='&lt;'>{words[inner][:cut]}</i>{words[inner][cut:]}"
    parts[last] = f"<x/>{parts[last]}"
    parts[opens] = f'<b a="1">{parts[opens]}'
    parts[closes] += "</b>"
    if beside:
        parts[beside.start] = f"<u>{parts[beside.start]}"
        parts[beside.stop - 1] += "</u>"
    return " ".join(parts)


def referred(word: str) -> str:
    """A word with its first character as a reference."""
    return f"&#{ord(word[0])};{word[1:]}"


@pytest.mark.slow
def test_reversed_words_keep_their_elements(tmp_path: Path) -> None:
    corpus = prepare(
        GeneratedConfig(max_length=6, num_train=12_000, num_test=100, cache_dir=str(tmp_path))
    )
    supervision = AlignmentSupervisionConfig(kind=SupervisionKind.links, weight=1.0, head=HEAD)
    model = build(corpus)
    learn(model, corpus, [AlignmentSupervision(supervision, num_layers=1)], steps=1000)
    reading = AlignmentConfig(enabled=True, heads=[HEAD], use_input_row=True)
    translator = Translator([model.eval()], corpus.tokenizers, DecodingConfig(), reading)
    lines, expected, draw = [], [], random.Random(1)
    for source in corpus.test.pairs.source:
        words = source.split()
        begin = draw.randrange(len(words))
        end = draw.randrange(begin, len(words))
        inner, cut = draw.randint(begin, end), draw.choice([1, 9])
        line = tagged(words, range(begin), begin, end, end, inner, cut)
        lines.append(parse_markup(line.replace(f" {words[-1]}", f" {referred(words[-1])}")))
        first, last, moved = (len(words) - 1 - place for place in (end, begin, inner))
        behind = range(last + 1, len(words))
        expected.append(tagged(words[::-1], behind, first, last, first, moved, 9))
    found = translator.translate(line.text for line in lines)
    results = [
        with_markup(line, x.text, x.alignment.links)
        for line, x in zip(lines, found, strict=True)
        if x.alignment
    ]
    assert results == expected
