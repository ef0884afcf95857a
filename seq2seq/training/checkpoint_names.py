"""Names of checkpoints and within them, and those of version 0.1.0. Imports no torch."""

import re
from pathlib import Path
from typing import Any

from seq2seq.model.renamed import with_present_names

STOPPED = "-stopped"  # in the name of a checkpoint written because of a signal
NAME = re.compile(rf"step-(\d{{8,}})({STOPPED})?\.ckpt")
MODEL_PREFIX = "model."  # of the model's parameters within a TranslationModule
CALLBACK = "TrainingCallback"  # whose state says which checkpoints count
AVERAGE = "weight_average"  # in that state: of the parameters over steps, if the run has it
RENAMED_CALLBACKS = {"Keeper": CALLBACK}  # of version 0.1.0


def checkpoint_paths(folder: Path) -> list[Path]:
    """All checkpoints in a folder, oldest first; of one step, that of a signal first."""
    return sorted((x for x in folder.glob("*.ckpt") if NAME.fullmatch(x.name)), key=age)


def checkpoint_step(path: Path) -> int:
    """The optimizer step of a checkpoint, from its name."""
    match = NAME.fullmatch(path.name)
    assert match, f"{path} is no name of a checkpoint"
    return int(match[1])


def age(path: Path) -> tuple[int, bool]:
    """What checkpoints are sorted by, the oldest first."""
    return checkpoint_step(path), STOPPED not in path.name


def in_present_names(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint of this or an earlier version under the names of this one."""
    state_dict = with_present_names(checkpoint["state_dict"], prefix=MODEL_PREFIX)
    callbacks = {
        RENAMED_CALLBACKS.get(name, name): state
        for name, state in checkpoint.get("callbacks", {}).items()
    }
    present = {**checkpoint, "state_dict": state_dict, "callbacks": callbacks}
    if "report" in checkpoint and "auxiliary" not in checkpoint["report"]:  # until 0.1.0
        report = dict(checkpoint["report"])
        alignment = report.pop("guide", None)
        report["auxiliary"] = {} if alignment is None else {"alignment": alignment}
        present["report"] = report
    return present
