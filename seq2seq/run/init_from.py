"""Starting from a finished run: `init_from=DIR` gives a new run its weights and its vocabulary.

The model must be the same except for its dropout. Everything else may differ: corpus, optimizer,
schedule, augmentation, supervision. The new run keeps a copy of the bundle in its folder, so that
it goes on wherever the other run is then. Imports torch only to read bundles.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.bounded import read_json
from seq2seq.bundle.locate import BUNDLE_MANIFEST, find_bundle, saved_config
from seq2seq.config.plain import differences
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.errors import CheckpointError, ConfigError
from seq2seq.files import atomic_path, replaceable_folder
from seq2seq.folder.directory import INITIAL

if TYPE_CHECKING:
    from seq2seq.model.transformer import Transformer


def init_from_problems(config: RunConfig) -> list[str]:
    """Why the run that `init_from` names cannot initialise this one."""
    if config.init_from is None:
        return []
    try:
        saved = saved_config(Path(config.init_from))
    except CheckpointError as error:
        return [f"init_from: {error}"]
    saved_model = replace(saved.model, dropout=config.model.dropout)
    problems = [
        f"model.{path}: must be {_shown(expected)}, as in {config.init_from}, not {_shown(value)}; "
        "set it to that, or leave init_from out"
        for path, expected, value in differences(saved_model, config.model)
    ]
    kind, saved_kind = config.data.source_kind, saved.data.source_kind
    if kind != saved_kind:
        problems.append(
            f"data.source_kind: must be {saved_kind}, as in {config.init_from}, not {kind}; choose "
            "data of that kind, or leave init_from out"
        )
    if config.data.tokenizer != type(config.data)().tokenizer:
        problems.append("data.tokenizer: comes with init_from; leave its options out")
    return problems


def _shown(value: Any) -> Any:
    """The name of a mechanism, scheme or choice, and any other value unchanged."""
    return getattr(value, "name", value)


def with_vocabulary(config: RunConfig) -> RunConfig:
    """A configuration with the tokenizers of the run that `init_from` names."""
    if config.init_from is None:
        return config
    folder = find_bundle(Path(config.init_from)).resolve() / "tokenizer"
    saved = saved_config(folder.parent).data.tokenizer
    joint, source, target = (folder / f"{name}.model" for name in ("joint", "source", "target"))
    source = joint if joint.is_file() else source
    tokenizer = TokenizerConfig(
        kind=saved.kind,
        vocab_size=saved.vocab_size,
        joint=saved.joint,
        source_model=str(source) if source.is_file() else None,  # of text alone
        target_model=None if joint.is_file() else str(target),
    )
    return replace(config, data=replace(config.data, tokenizer=tokenizer))


def keep_initial(config: RunConfig, folder: Path) -> None:
    """Copy the bundle that `init_from` names, if any, into a run's folder.

    Raises:
        CheckpointError: it is damaged.
    """
    if config.init_from is None:
        return
    from seq2seq.bundle.files import checked_facts

    bundle = find_bundle(Path(config.init_from))
    checked_facts(bundle)
    with atomic_path(replaceable_folder(folder / INITIAL, [BUNDLE_MANIFEST])) as stage:
        for name in [BUNDLE_MANIFEST, *file_hashes(bundle)]:
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle / name, stage / name)


def with_initial(config: RunConfig, folder: Path) -> RunConfig:
    """A configuration that starts from the copy in a run's folder, if there is one."""
    kept = folder / INITIAL
    if config.init_from is None or not kept.is_dir():
        return config
    return with_vocabulary(replace(config, init_from=str(kept.absolute())))


def initial_sha256(init_from: str | None) -> dict[str, str]:
    """Hash of the weights that `init_from` names, by their name; empty without any."""
    try:
        bundle = None if init_from is None else find_bundle(Path(init_from))
    except CheckpointError:  # moved after the run had begun, without a copy in version 0.1.0
        bundle = None
    weights = None if bundle is None else file_hashes(bundle).get("model.safetensors")
    return {} if weights is None else {"initial weights": weights}


def file_hashes(bundle: Path) -> dict[str, str]:
    """Hashes of the files of a bundle, as its manifest lists them."""
    manifest = read_json(bundle / BUNDLE_MANIFEST)
    hashes: dict[str, str] = manifest["sha256"]
    return hashes


def load_initial_weights(model: "Transformer", config: RunConfig) -> None:
    """Give a model the weights of the run that `init_from` names; without one, do nothing.

    Raises:
        UserError: they cannot be read, or do not fit the model.
    """
    if config.init_from is None:
        return
    from seq2seq.bundle.files import load_bundle

    weights = load_bundle(Path(config.init_from)).model.state_dict()
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ConfigError(
            f"init_from: {config.init_from} does not have the weights of this model: {error}; name "
            "a run of the same model"
        ) from error
