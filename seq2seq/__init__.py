"""Train, score, explain and ablate sequence-to-sequence Transformers with a choice of attention in every role."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seq2seq.bundle.model import Model

__version__ = "0.1.0"
__all__ = ["load", "__version__"]


def load(
    folder: str | PathLike[str],
    *others: str | PathLike[str],
    device: str = "auto",
    imports: Sequence[str] = (),
) -> "Model":
    """Load the model of a run: `seq2seq.load("outputs/train/2026-01-31_12-00-00").translate(["Good morning."])`.

    Args:
        folder: a run's folder, or the bundle `model/` out of one.
        others: more of them with the same vocabulary: together they translate as an ensemble.
        device: "cpu", "cuda:0" and so on; "auto" takes a GPU if there is one.
        imports: files and modules of yours that the run needs, as those of its `imports` option.
            A run's own configuration is not trusted to name code.

    Raises:
        CheckpointError: there is no finished model, or it is damaged.
        ConfigError: the vocabularies differ, or there is no such device.
    """
    from seq2seq.bundle.model import load_model
    from seq2seq.imports import import_modules

    import_modules(imports)
    return load_model(folder, *others, device=device)
