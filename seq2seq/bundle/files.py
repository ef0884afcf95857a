"""The files of a bundle: parameters, tokenizers, configuration and held-out text, with hashes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seq2seq.bounded import MAX_JSON, read_bounded
from seq2seq.bundle.locate import BUNDLE_MANIFEST, find_bundle
from seq2seq.bundle.members import CONFIG, ensure_members
from seq2seq.bundle.weights import (
    ensure_possible,
    ensure_weights_fit,
    load_weights,
    save_weights,
    stored_weights,
)
from seq2seq.config.plain import to_yaml
from seq2seq.config.saved import load_run_config
from seq2seq.config.schema import RunConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.data.storage import sha256_of
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import CheckpointError, DataError, choices
from seq2seq.files import (
    atomic_path,
    atomic_write,
    ensure_room,
    read_lines,
    read_of_one_version,
    replaceable_folder,
    sealed,
    unsealed,
    write_lines,
)
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.training.config import LoggerConfig

WEIGHTS, TOKENIZERS, TEXT = "model.safetensors", "tokenizer", "text"
BUNDLE_KEYS = ("sha256", "languages", "checkpoints", "data")  # of version 0.1.0


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything needed to use it.

    Attributes:
        path: its folder.
        held_out: raw validation and test pairs, by split.
        facts: languages, checkpoints and data that the model comes from, from the manifest.
    """

    path: Path
    config: RunConfig
    model: Transformer
    tokenizers: Tokenizers
    held_out: dict[str, Pairs]
    facts: dict[str, Any]


def build_model(config: RunConfig, tokenizers: Tokenizers) -> Transformer:
    """The model of a configuration, initialised from torch's present random state."""
    return build_transformer(
        config.model,
        source=tokenizers.source.spec(),
        target_vocab_size=tokenizers.target.vocab_size,
        seed=config.seed,
    )


def write_bundle(
    path: Path,
    config: RunConfig,
    model: Transformer,
    tokenizers: Tokenizers,
    held_out: dict[str, Pairs],
    facts: dict[str, Any],
) -> None:
    """Write a bundle; one there is replaced once the new one is complete. Links are followed.

    Raises:
        UserError: the disk has too little room, or something else than a bundle stands there.
        OSError: it cannot be written.
    """
    path = replaceable_folder(path, (BUNDLE_MANIFEST, WEIGHTS))
    ensure_room(path, sum(tensor.nbytes for tensor in stored_weights(model).values()))
    with atomic_path(path) as folder:
        (folder / TEXT).mkdir(parents=True)
        save_weights(model, folder / WEIGHTS)
        tokenizers.save(folder / TOKENIZERS)
        saved = to_yaml(replace(config, logger=LoggerConfig()))
        (folder / CONFIG).write_text(saved, encoding="utf-8")
        for split, pairs in held_out.items():
            source = folder / TEXT / f"{split}.source"
            write_lines(source, list(map(str, pairs.source)))
            tokenizers.source.save_items(source, pairs.source)
            write_lines(source.with_suffix(".target"), pairs.target)
        write_manifest(folder, facts)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the hashes of all files of a bundle and what it comes from."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    hashes = {file.relative_to(folder).as_posix(): sha256_of(file) for file in files}
    atomic_write(folder / BUNDLE_MANIFEST, sealed({"sha256": hashes, **facts}))


def load_bundle(folder: Path) -> Bundle:
    """Load the bundle of a run's folder, or a bundle itself; every file is verified.

    Raises:
        CheckpointError: a file is missing, or changed since it was written.
    """
    path = find_bundle(folder)
    return read_of_one_version(path / BUNDLE_MANIFEST, lambda: _read_bundle(path))


def _read_bundle(path: Path) -> Bundle:
    facts = checked_facts(path)
    config = load_run_config(path / CONFIG)
    ensure_possible(config.model, path / CONFIG)
    tokenizers = Tokenizers.load(path / TOKENIZERS)
    ensure_weights_fit(path / WEIGHTS, config.model, lambda: build_model(config, tokenizers))
    model = build_model(config, tokenizers)
    load_weights(model, path / WEIGHTS)
    held_out = {}
    for source in sorted((path / TEXT).glob("*.source")):
        items = tokenizers.source.load_items(source, read_lines(source))
        targets = read_lines(source.with_suffix(".target"))
        if len(items) != len(targets):
            raise CheckpointError(
                f"{source} must have as many lines as its .target, {len(targets):,}, not "
                f"{len(items):,}; copy the bundle again"
            )
        held_out[source.stem] = Pairs(items, targets)
    return Bundle(path, config, model.eval(), tokenizers, held_out, facts)


def checked_facts(path: Path) -> dict[str, Any]:
    """The facts in the manifest of a bundle whose files all match it.

    Raises:
        CheckpointError: a file is missing or changed.
    """
    try:
        facts = manifest_of(path)
        hashes = facts.pop("sha256")
        if not all(isinstance(text, str) for pair in hashes.items() for text in pair):
            raise ValueError("sha256 must map names to hashes")
        if not {CONFIG, WEIGHTS} <= hashes.keys():
            raise ValueError(f"sha256 must list {CONFIG} and {WEIGHTS}")
        ensure_members(path, hashes, folders=(TOKENIZERS, TEXT))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path / BUNDLE_MANIFEST} is damaged: {error}; copy the bundle again"
        ) from error
    return facts


def manifest_of(path: Path) -> dict[str, Any]:
    """The content of a bundle's manifest.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    return unsealed(read_bounded(path / BUNDLE_MANIFEST, MAX_JSON), unsealed_keys=BUNDLE_KEYS)


def weights_hash(path: Path) -> str | None:
    """The hash of a bundle's parameters by its manifest, which tells models apart."""
    digest: str | None = manifest_of(path)["sha256"].get(WEIGHTS)
    return digest


def held_out_split(bundle: Bundle, split: str) -> Pairs:
    """A split of the bundle's held-out text.

    Raises:
        DataError: there is none of this name, or it is empty.
    """
    pairs = bundle.held_out.get(split)
    if pairs is None or not len(pairs):
        legal = [name for name, text in bundle.held_out.items() if len(text)]
        raise DataError(
            f"split={split}: the run has no such sentences; {choices(split, legal)}, "
            "or give source=FILE reference=FILE"
        )
    return pairs
