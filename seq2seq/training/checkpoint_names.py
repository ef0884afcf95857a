"""Names within a checkpoint, and those of version 0.1.0."""

from typing import Any

from seq2seq.model.renamed import with_present_names

MODEL_PREFIX = "model."  # of the model's parameters within a TranslationModule
CALLBACK = "TrainingCallback"  # whose state says which checkpoints count
RENAMED_CALLBACKS = {"Keeper": CALLBACK}  # of version 0.1.0


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
