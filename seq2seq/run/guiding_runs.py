"""What can be known of the runs that guide alignment before anything heavy is loaded. Imports no torch."""

from pathlib import Path

from seq2seq.attention.config import Weights
from seq2seq.config.saved import load_run_config
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import cross_attentions
from seq2seq.errors import CheckpointError
from seq2seq.training.config import GuideKind


def check_guiding_runs(config: RunConfig) -> list[str]:
    """Every problem with guided_alignment.runs: that they are finished, the right way round, and can align."""
    guide = config.guided_alignment
    if guide.kind is not GuideKind.runs or len(guide.runs) != 2:
        return []
    languages = config.data.languages()
    problems = []
    for name, run, wrong in (("FORWARD", guide.runs[0], languages[::-1]), ("REVERSE", guide.runs[1], languages)):
        try:
            _, saved = bundle_of(Path(run))
        except CheckpointError as error:
            problems.append(f"guided_alignment.runs: {error}")
            continue
        if saved.data.languages() == wrong != wrong[::-1]:
            problems.append(
                f"guided_alignment.runs: {run} translates {wrong[0]} to {wrong[1]}, so it cannot be {name}; give "
                "[FORWARD,REVERSE], the direction that is trained first"
            )
        layers, layer = cross_attentions(saved.model), saved.alignment.layer
        if not -len(layers) <= layer < len(layers):
            problems.append(
                f"guided_alignment.runs: {run} reads alignments from layer {layer} of {len(layers)} decoder layers; "
                "give another run"
            )
        elif layers[layer].weights is Weights.NONE:
            problems.append(
                f"guided_alignment.runs: {run} cannot align, {layers[layer].name} in layer {layer} has "
                f"{layers[layer].weights.value}; give a run with another cross_attention"
            )
    return problems


def bundle_of(folder: Path) -> tuple[Path, RunConfig]:
    """Where a finished run's bundle lies, or one that stands alone, and its configuration.

    Raises:
        CheckpointError: there is none.
    """
    for path in (folder / "model", folder):
        if (path / "manifest.json").is_file():
            return path, load_run_config(path / "config.yaml")
    raise CheckpointError(f"{folder} is neither the folder of a finished run nor a bundle; finish it, or give another")
