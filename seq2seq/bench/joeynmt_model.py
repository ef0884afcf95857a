"""A model of ours in the form that JoeyNMT 2.3.0 loads, to measure how fast it decodes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seq2seq.attention.catalogue import FlashConfig, FullConfig
from seq2seq.bench.peers.toolkit_configs import joeynmt_model, joeynmt_symbols
from seq2seq.data.config import NUM_SPECIALS
from seq2seq.engine.positions import position_table
from seq2seq.errors import ConfigError
from seq2seq.model.config import ModelConfig, attention_sites
from seq2seq.model.embedding import Embedding

if TYPE_CHECKING:
    from seq2seq.bench.workload import Workload
    from seq2seq.bundle.files import Bundle
    from seq2seq.model.transformer import Transformer

FREE_SIZES = ("d_model", "num_heads", "d_ff", "dropout", "max_source_length", "max_target_length")
FIXED_OPTIONS = (
    *("norm", "normalization", "activation", "tied_embeddings"),
    *("embedding_norm", "fix_norm", "position"),
)
MAX_POSITIONS = 5000  # of JoeyNMT's tables
JOEYNMT_NAMES = {
    "frontend.embedding.table.": "src_embed.lut.",
    "decoder.embedding.table.": "trg_embed.lut.",
    "encoder.norm.": "encoder.layer_norm.",
    "decoder.norm.": "decoder.layer_norm.",
    "output.": "decoder.output_layer.",
}
NAMES_IN_LAYERS = {
    "attention_residual.norm.": "layer_norm.",
    "self_residual.norm.": "x_layer_norm.",
    "cross_residual.norm.": "dec_layer_norm.",
    "feed_forward_residual.norm.": "feed_forward.layer_norm.",
    "feed_forward.inner.": "feed_forward.pwff_layer.0.",
    "feed_forward.outer.": "feed_forward.pwff_layer.3.",
}
JOEYNMT_ATTENTIONS = {
    "attention": "src_src_att",
    "self_attention": "trg_trg_att",
    "cross_attention": "src_trg_att",
}


def write_joeynmt_model(bundle: "Bundle", sizes: "Workload", folder: Path) -> None:
    """Write what joeynmt_decode.py reads: weights, words, and the SentencePiece model.

    Args:
        sizes: of the model.

    Raises:
        ConfigError: JoeyNMT has no such model.
    """
    ensure_known_to_joeynmt(bundle)
    bundle.tokenizers.save(folder)
    torch.save(dict(joeynmt_weights(bundle.model)), folder / "weights.pt")
    vocabulary = bundle.tokenizers.target
    described = {
        "model": joeynmt_model(sizes),
        "special_symbols": joeynmt_symbols(),
        "words": vocabulary.subwords(range(NUM_SPECIALS, vocabulary.vocab_size)),
        "norm_epsilon": nn.LayerNorm(1).eps,
    }
    (folder / "model.json").write_text(json.dumps(described), encoding="utf-8")


def ensure_known_to_joeynmt(bundle: "Bundle") -> None:
    """Raise ConfigError for a model that JoeyNMT cannot express."""
    model = bundle.config.model
    plain = replace(ModelConfig(), **{name: getattr(model, name) for name in FREE_SIZES})
    known = all(getattr(model, name) == getattr(plain, name) for name in FIXED_OPTIONS)
    sites = [attention for _, _, attention in attention_sites(model)]
    known &= all(type(attention) in (FullConfig, FlashConfig) for attention in sites)
    known &= not any(attention.modified_by() for attention in sites)
    if not known or not bundle.tokenizers.joint:
        raise ConfigError(
            "--peer joeynmt: must decode with a model of full attention, sinusoidal positions, "
            f"one vocabulary, and the defaults of {', '.join(FIXED_OPTIONS)}; name another run, or "
            "leave this peer out"
        )


def joeynmt_weights(model: "Transformer") -> Iterator[tuple[str, Tensor]]:
    """The parameters and the tables of positions, under JoeyNMT's names."""
    for name, tensor in model.state_dict().items():
        prefix, _, rest = name.partition(".layers.")
        if not rest:
            yield renamed(name, JOEYNMT_NAMES), tensor
            continue
        number, _, part = rest.partition(".")
        module, _, kind = part.partition(".")
        place = f"{prefix}.layers.{number}."
        if module not in JOEYNMT_ATTENTIONS:
            yield place + renamed(part, NAMES_IN_LAYERS), tensor
        elif kind.startswith("output."):
            yield f"{place}{JOEYNMT_ATTENTIONS[module]}.output_layer.{kind.split('.')[1]}", tensor
        else:
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                yield (
                    f"{place}{JOEYNMT_ATTENTIONS[module]}.{letter}_layer.{kind.split('.')[1]}",
                    third,
                )
    for side, embedding in (
        ("encoder", model.frontend.embedding),
        ("decoder", model.decoder.embedding),
    ):
        assert isinstance(embedding, Embedding)
        yield f"{side}.pe.pe", torch.from_numpy(position_table(embedding, MAX_POSITIONS))[None]


def renamed(name: str, prefixes: Mapping[str, str]) -> str:
    """A name with its prefix in place of ours."""
    ours = next(prefix for prefix in prefixes if name.startswith(prefix))
    return prefixes[ours] + name.removeprefix(ours)
