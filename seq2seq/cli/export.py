"""`seq2seq export`: a trained model in the files of another program."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.bundle.locate import saved_config
from seq2seq.cli.command import config_options, taking, with_options
from seq2seq.decoding.config import Quantization
from seq2seq.engine.expressible import TRAIN_ANOTHER, ensure_expressible
from seq2seq.errors import ConfigError

HEAD_OPTIONS = config_options("alignment", AlignmentConfig, "layer", "heads")

export_app = typer.Typer(no_args_is_help=True, help="Export a model for other programs.")


@export_app.command("ctranslate2", cls=taking(*HEAD_OPTIONS))
def export_ctranslate2(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a bundle.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder to write; RUN/ctranslate2 by default.", show_default=False
        ),
    ] = None,
    quantization: Annotated[
        Quantization, typer.Option(help="Numbers that matrices are stored in.")
    ] = Quantization.float32,
) -> None:
    """Write a folder that CTranslate2 loads, with the vocabularies and SentencePiece models.

    An earlier export there is replaced. The attention that CTranslate2 returns is the mean of
    the heads of alignment.heads in layer alignment.layer, those of the run unless they are set.
    """
    config = saved_config(run)
    alignment = with_options(context, "alignment", config.alignment)
    ensure_expressible(config.model, config.data.source_kind, remedy=TRAIN_ANOTHER)
    from seq2seq.bundle.files import load_bundle, weights_hash
    from seq2seq.engine.convert import alignment_heads, export
    from seq2seq.folder.logs import configure_logging

    configure_logging()
    bundle = load_bundle(run)
    folder = output or run / "ctranslate2"
    ensure_outside(folder, bundle.path)
    languages = list(config.data.languages())
    facts = {"weights_sha256": weights_hash(bundle.path), "languages": languages}
    export(
        bundle.model,
        bundle.tokenizers,
        folder,
        facts,
        quantization=quantization,
        alignment=alignment_heads(bundle.model, alignment),
    )
    typer.echo(folder)


def ensure_outside(folder: Path, bundle: Path) -> None:
    """Raise ConfigError for a folder within a bundle, which holds what its manifest lists."""
    if folder.resolve().is_relative_to(bundle.resolve()):
        raise ConfigError(
            f"output: must lie outside of the bundle {bundle}, not in it; choose --output DIR"
        )
