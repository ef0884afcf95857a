"""Tiny bundles with random weights, which translate, score and align, but not well."""

import random
from pathlib import Path

import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionConfig
from seq2seq.bundle.files import build_model, write_bundle
from seq2seq.bundle.locate import BUNDLE_MANIFEST
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.sources.base import Pairs
from seq2seq.data.storage import sha256_of
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig
from seq2seq.files import sealed, unsealed
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig, TiedEmbeddings
from seq2seq.position.config import SinusoidalConfig
from tests.words import WORDS

LONGEST = 16  # subwords with the sentence end


def sentences(count: int, *, seed: int = 1, longest: int = 8) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, longest))) for _ in range(count)]


def train_tokenizers(folder: Path, *, seed: int = 1, characters: str = "é ü 日 本") -> Tokenizers:
    """Args: characters: that the vocabulary has beside those of WORDS."""
    text = sentences(300, seed=seed) + [characters] * 3
    joint = Tokenizer.train(text, folder / f"{seed}.model", config=TokenizerConfig(vocab_size=120))
    return Tokenizers(TextSource(joint), joint)


def make_run(
    folder: Path,
    tokenizers: Tokenizers,
    *,
    seed: int = 1,
    cross: AttentionConfig | None = None,
    layer_cross: list[AttentionConfig] | None = None,
    source_language: str = "xx",
    target_language: str = "yy",
    held_out: dict[str, Pairs] | Pairs | None = None,
    decoding: DecodingConfig | None = None,
    alignment: AlignmentConfig | None = None,
    source_kind: str = "text",
    both_directions: float = 0.0,
    mark_direction: bool = False,
) -> Path:
    """A run's folder with a bundle in it, as training leaves it."""
    config = RunConfig(
        seed=seed,
        model=ModelConfig(
            d_model=16,
            num_heads=2,
            d_ff=32,
            max_source_length=LONGEST,
            max_target_length=LONGEST,
            position=SinusoidalConfig(),
            tied_embeddings=TiedEmbeddings.all if source_kind == "text" else TiedEmbeddings.target,
            encoder=EncoderConfig(num_layers=1, self_attention=FullConfig()),
            decoder=DecoderConfig(
                num_layers=2,
                self_attention=FullConfig(),
                cross_attention=cross or FullConfig(),
                layer_cross_attention=list(layer_cross or []),
            ),
        ),
        data=FilesConfig(
            source_language=source_language,
            target_language=target_language,
            source_kind=source_kind,
            both_directions=both_directions,
            mark_direction=mark_direction,
            train=SplitFiles("s", "t"),
        ),
        decoding=decoding or DecodingConfig(beam_size=2, batch_size=8),
        alignment=alignment or AlignmentConfig(heatmaps=0),
    )
    torch.manual_seed(seed)
    model = build_model(config, tokenizers)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(1.5)
    text = held_out or Pairs(sentences(20, seed=7), sentences(20, seed=8))
    splits = text if isinstance(text, dict) else {"test": text}
    folder.mkdir(parents=True)
    write_bundle(
        folder / "model", config, model, tokenizers, splits, {"checkpoints": [f"{seed}.ckpt"]}
    )
    return folder


def rehash(bundle: Path, name: str) -> None:
    """Put a changed or further file into the manifest."""
    manifest = bundle / BUNDLE_MANIFEST
    content = unsealed(manifest.read_bytes())
    content["sha256"][name] = sha256_of(bundle / name)
    manifest.write_bytes(sealed(content))
