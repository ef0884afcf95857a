"""A model in CTranslate2's files: for a search of ours, or exported for other programs."""

from pathlib import Path
from typing import Any

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.extract import head_indices, layer_index
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import Quantization
from seq2seq.engine.specification import AlignmentHeads, Vocabularies, specification
from seq2seq.files import atomic_path, atomic_write, replaceable_folder, sealed
from seq2seq.model.transformer import Transformer

FACTS, TOKENIZER_FOLDER = "export.json", "tokenizer"


def alignment_heads(model: Transformer, config: AlignmentConfig) -> AlignmentHeads:
    """The layer and heads of a configuration.

    Raises:
        ConfigError: there is no such layer or head.
    """
    return AlignmentHeads(
        layer_index(model, config.layer), tuple(head_indices(model, config.heads))
    )


def vocabularies_of(tokenizers: Tokenizers) -> Vocabularies:
    """The subwords of both sides. Raises ConfigError for a source without subwords."""
    source, target = tokenizers.of_text()
    return Vocabularies(
        source.subwords(range(source.vocab_size)), target.subwords(range(target.vocab_size))
    )


def convert(
    model: Transformer,
    tokenizers: Tokenizers,
    folder: Path,
    *,
    quantization: Quantization,
    alignment: AlignmentHeads,
    add_source_end: bool,
) -> None:
    """Write the files that CTranslate2 loads into a folder that exists; see `specification`.

    Raises:
        MissingDependencyError: ctranslate2 is not installed.
        ConfigError: the model holds a parameter that CTranslate2 has no place for.
        OSError: they cannot be written.
    """
    spec: Any = specification(
        model, vocabularies_of(tokenizers), alignment, add_source_end=add_source_end
    )
    spec.validate()
    spec.optimize(quantization.value)
    spec.save(str(folder))


def export(
    model: Transformer,
    tokenizers: Tokenizers,
    path: Path,
    facts: dict[str, Any],
    *,
    quantization: Quantization,
    alignment: AlignmentHeads,
) -> None:
    """Write a folder for programs that use CTranslate2; an earlier export there is replaced.

    It holds the model with its vocabularies, the SentencePiece models in `tokenizer/`, and
    `export.json`, which says what it was made from. CTranslate2 adds </s> to sources itself.

    Args:
        facts: of the bundle that is exported.

    Raises:
        UserError: something else than an export stands there.
        MissingDependencyError, ConfigError, OSError: as `convert`.
    """
    path = replaceable_folder(path, (FACTS,))
    with atomic_path(path) as folder:
        folder.mkdir(parents=True)
        convert(
            model,
            tokenizers,
            folder,
            quantization=quantization,
            alignment=alignment,
            add_source_end=True,
        )
        tokenizers.save(folder / TOKENIZER_FOLDER)
        read = {"alignment_layer": alignment.layer, "alignment_heads": list(alignment.heads)}
        atomic_write(folder / FACTS, sealed({"quantization": quantization.value, **read, **facts}))
