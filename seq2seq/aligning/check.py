"""Checks of the runs that supervise alignment, without loading them. Imports no torch."""

from pathlib import Path

from seq2seq.attention.config import WeightKind
from seq2seq.bundle.together import Member, Together, problems_together
from seq2seq.config.alignment_rules import cross_attentions
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import DataConfig
from seq2seq.errors import CheckpointError
from seq2seq.training.supervision_config import SupervisionKind


def supervising_run_problems(config: RunConfig) -> list[str]:
    """Problems of alignment_supervision.runs: unfinished, wrong directions, no text, no weights."""
    supervision = config.alignment_supervision
    if supervision.kind is not SupervisionKind.runs or len(supervision.runs) != 2:
        return []
    languages = config.data.languages()
    problems: list[str] = []
    members: list[Member] = []
    for name, run, wrong in (
        ("FORWARD", supervision.runs[0], languages[::-1]),
        ("REVERSE", supervision.runs[1], languages),
    ):
        try:
            members.append(Member.of_folder(Path(run)))
        except CheckpointError as error:
            problems.append(f"alignment_supervision.runs: {error}")
            continue
        saved = members[-1].config
        if saved.data.languages() == wrong != wrong[::-1] and not reads_both(saved.data, name):
            problems.append(
                f"alignment_supervision.runs: {run} translates {wrong[0]} to {wrong[1]}, so it "
                f"cannot be {name}; give [FORWARD,REVERSE], the direction of this run first"
            )
        layers = cross_attentions(saved.model)
        if all(layer.weights is WeightKind.none for layer in layers):
            names = ", ".join(sorted({layer.name for layer in layers}))
            problems.append(
                f"alignment_supervision.runs: {run} cannot align: in every layer its {names} has "
                f"{WeightKind.none.value}; give a run with another cross_attention"
            )
    if not problems:
        together = problems_together(Together.opposite, members)
        problems += [f"alignment_supervision.runs: {problem}" for problem in together]
    return problems


def reads_both(data: DataConfig, name: str) -> bool:
    """Whether a run that translates the other way than its name says reads that direction, too.

    As FORWARD one with marks does not: the first run says which direction has none.
    """
    return data.both_directions > 0 and not (data.mark_direction and name == "FORWARD")
