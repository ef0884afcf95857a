"""A case of bad input: files, a command line or a call, and what the message must say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

RUN_FOLDER = "../out/run"
TINY = (
    "model.d_model=16 model.d_ff=16 model.num_heads=2 model.encoder.num_layers=1 "
    "model.decoder.num_layers=1 trainer.max_steps=2 trainer.precision=32 "
    f"trainer.accelerator=cpu data.cache_dir=../out/cache hydra.run.dir={RUN_FOLDER}"
)
FILES = "data=files data.train.source=s data.train.target=t data.tokenizer.vocab_size=60"
TEXT = "".join(f"{a} {b} {c}\n" for a in "abcd" for b in "efgh" for c in "ijkl").encode()


@dataclass(frozen=True)
class Case:
    """Something a user may do wrong. Paths are relative to the user's folder, the working folder.

    Attributes:
        name: of the mistake.
        does: the arguments of `seq2seq`, in which spaces separate; or a call of the Python
            interface with the folder.
        says: parts of the message, among them the place: a path, an option or file:line.
        files: content of further files by name; `s` and `t` hold parallel text.
        models: those of `tests.bad_inputs.place.MODELS` that the folder holds.
        prepare: changes the folder before.
        stdin: of the command.
        code: the exit code; None is 1 or 2.
        writes: whether the mistake is only seen after a run's folder or a cache was made.
    """

    name: str
    does: str | Callable[[Path], object]
    says: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    prepare: Callable[[Path], object] | None = None
    stdin: bytes = b""
    code: int | None = None
    writes: bool = False


def training(overrides: str) -> str:
    """The command line of a tiny training whose files go to a folder beside the user's."""
    return f"train {TINY} {overrides}"
