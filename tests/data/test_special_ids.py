"""SentencePiece models of other projects, whose special ids are elsewhere or absent."""

import io
import random
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch

from seq2seq.bundle.model import load_model
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import DataError
from seq2seq.evaluation.translation import Translation
from tests.results.bundles import make_run
from tests.words import WORDS

OURS = {"unk_id": 0, "pad_id": 1, "bos_id": 2, "eos_id": 3}
OTHERS = {
    "the default of SentencePiece": {},
    "T5": {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "none but <unk>": {"unk_id": 0, "bos_id": -1, "eos_id": -1},
    "at the end": {"unk_id": 31, "bos_id": 32, "eos_id": 30},
    "other names": {"bos_piece": "[CLS]", "eos_piece": "[SEP]", "pad_id": 3, "pad_piece": "[PAD]"},
    "control symbols": {"control_symbols": ["<mask>", "<sep>"]},
}
TEXT = "the green dog Ωx sees <s> birds"


def sentences() -> list[str]:
    draw = random.Random(1)
    return [" ".join(draw.choices(WORDS, k=draw.randint(3, 9))) for _ in range(200)]


def trained(kind: str, **ids: Any) -> Tokenizer:
    """A model of 30 subwords beside its specials."""
    specials = {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1} | ids
    count = sum(specials[name] >= 0 for name in OURS) + len(ids.get("control_symbols", []))
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()),
        model_writer=buffer,
        model_type=kind,
        vocab_size=30 + count,
        minloglevel=2,
        **specials,
    )
    return Tokenizer(buffer.getvalue(), name="other.model")


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("name", OTHERS)
def test_text_is_encoded_as_by_the_same_vocabulary_under_our_ids(kind: str, name: str) -> None:
    ours, other = trained(kind, **OURS), trained(kind, **OTHERS[name])
    extra = len(OTHERS[name].get("control_symbols", []))
    assert other.vocab_size == ours.vocab_size + extra
    assert other.subwords([0]) == ["<unk>"]
    encoded, expected = other.encode(TEXT), ours.encode(TEXT)
    assert other.subwords(encoded) == ours.subwords(expected)
    assert encoded == [index + extra if index > Tokenizer.EOS_ID else index for index in expected]
    assert Tokenizer.UNK_ID in encoded
    assert other.encode_batch([TEXT, ""]) == [encoded, []]
    assert other.encode_words(TEXT) == (encoded, ours.encode_words(TEXT)[1])
    framed = [Tokenizer.BOS_ID, *encoded, Tokenizer.EOS_ID, Tokenizer.PAD_ID]
    assert other.decode(framed) == ours.decode(expected)
    assert other.words_of_ids(framed) == [-1, *ours.words_of_ids(expected), -1, -1]
    assert Tokenizer(other.model, name="again").sha256 == other.sha256
    every = range(Tokenizer.EOS_ID + 1, other.vocab_size)
    assert len(other.words_of_ids(every)) == len(every), "each has a place in the text"


def translations(folder: Path, tokenizer: Tokenizer) -> list[Translation]:
    """What a model of a seed makes of two sentences, and the scores it has for them."""
    run = make_run(folder, Tokenizers(TextSource(tokenizer), tokenizer))
    model = load_model(run, device="cpu")
    lines = ["the dog sees birds", "green field"]
    return [*model.stream(lines), *model.score(lines, lines)]


def test_translations_and_scores_are_those_under_our_ids(tmp_path: Path) -> None:
    expected = translations(tmp_path / "ours", trained("bpe", **OURS))
    for name in ("the default of SentencePiece", "T5"):
        seen = translations(tmp_path / name, trained("bpe", **OTHERS[name]))
        assert [item.text for item in seen] == [item.text for item in expected]
        assert [item.tokens for item in seen] == [item.tokens for item in expected]
        torch.testing.assert_close(
            [item.log_probability for item in seen], [item.log_probability for item in expected]
        )


def test_unknown_parts_of_a_line_are_named() -> None:
    tokenizer = trained("bpe")
    assert tokenizer.unknown_characters("the dog") == ""
    assert tokenizer.unknown_share("the dog") == tokenizer.unknown_share("") == 0
    assert tokenizer.unknown_characters("日本 the Ω dog Ω") == "日本 Ω"
    assert tokenizer.unknown_share("日本 the 日") == 0.5
    words = trained_words()
    assert words.unknown_characters("the cat runs") == "cat"
    assert words.unknown_share("the cat") == 0.5


def trained_words() -> Tokenizer:
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()),
        model_writer=buffer,
        model_type="word",
        vocab_size=1000,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return Tokenizer(buffer.getvalue(), name="words.model")


def test_no_crafted_model_ends_in_anything_but_a_message() -> None:
    """Bits flipped anywhere: a model works or is refused."""
    model, draw = trained("bpe").model, random.Random(4)
    sentencepiece.set_min_log_level(2)
    refused: list[str] = []
    for _ in range(300):
        crafted = bytearray(model)
        for _ in range(draw.choice([1, 4])):
            crafted[draw.randrange(len(crafted))] ^= 1 << draw.randrange(8)
        try:
            tokenizer = Tokenizer(bytes(crafted), name="crafted.model")
            ids, words = tokenizer.encode_words(TEXT)
            assert len(ids) == len(words)
            tokenizer.words_of_ids(range(tokenizer.vocab_size))
            assert 0 <= tokenizer.unknown_share(TEXT) <= 1
        except DataError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all(message.startswith("crafted.model: is ") for message in refused)
