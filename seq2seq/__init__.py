"""Train, score, explain and ablate encoder-decoder Transformers with any attention in each role."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seq2seq.bundle.model import Model

__version__ = "0.1.0"
__all__ = ["load", "__version__"]


def load(
    folder: str | PathLike[str],
    *further: str | PathLike[str],
    device: str = "auto",
    imports: Sequence[str] = (),
) -> "Model":
    """Load the model of a run, or an ensemble of several: `seq2seq.load(DIR).translate([LINE])`.

    Args:
        folder: a run's folder, such as outputs/train/2026-01-31_12-00-00, or a bundle.
        further: folders of runs of the same direction with the same vocabulary, which form an
            ensemble with the first.
        device: such as "cpu" or "cuda:0"; "auto" is a GPU if torch sees one, else the CPU.
        imports: files and modules of yours that the run needs, as those of its `imports` option.
            A run's own configuration is not trusted to name code.

    Raises:
        CheckpointError: there is no finished model, it is damaged, or it needs a module that is
            not imported.
        ConfigError: the runs cannot form an ensemble, or there is no such device.
    """
    from seq2seq.bundle.model import load_model
    from seq2seq.imports import import_modules

    import_modules(imports)
    return load_model(folder, *further, device=device)
