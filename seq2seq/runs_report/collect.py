"""Reading of run folders for a report: what was evaluated, logged and stored with the model."""

import logging
import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seq2seq.bounded import read_json
from seq2seq.bundle.files import load_bundle
from seq2seq.bundle.locate import BUNDLE_MANIFEST
from seq2seq.config.plain import as_plain
from seq2seq.errors import DataError
from seq2seq.folder.directory import RunDirectory
from seq2seq.processes import command_name
from seq2seq.results.as_configured import SECTIONS
from seq2seq.results.evaluation_folder import SCORES, evaluation_folder
from seq2seq.runs_report.configurations import flattened
from seq2seq.runs_report.model_values import ModelMeasurements, model_values
from seq2seq.runs_report.run_result import RunResult
from seq2seq.runs_report.run_values import (
    PLACE_OPTIONS,
    curves_of,
    data_basis,
    ensure_of_model,
    origin_of,
    overrides_of_run,
    training_values,
    translation_values,
)

logger = logging.getLogger(__name__)

BUNDLES = "model"  # the folder of a run that holds its bundle
INSIDE = ("checkpoints", BUNDLES, "evaluation", "tensorboard", "initial")  # of a run


@dataclass(frozen=True)
class Collection:
    """What is read of each run.

    Attributes:
        split: whose evaluation is read.
        metrics: names of those that are scored.
        measurements: what is measured of the models.
    """

    split: str
    metrics: Sequence[str]
    measurements: ModelMeasurements


def collected_runs(
    folder: Path, collection: Collection, before: Container[str] = ()
) -> list[RunResult]:
    """The finished runs in a folder or below it, in the order of their paths.

    A run that is not finished is named in the log and left out; so is what a finished one lacks.

    Args:
        before: folders of runs that are left out, since they were read.

    Raises:
        DataError: there is no finished run.
        UserError: a run is damaged.
    """
    runs = finished_runs(folder)
    return [collected_run(run, collection) for run in runs if str(run) not in before]


def finished_runs(folder: Path) -> list[Path]:
    """The folders of finished runs; others are named in the log.

    Raises:
        DataError: there is none.
    """
    runs = [path for path in run_folders(folder) if is_finished(path)]
    if not runs:
        raise DataError(f"{folder}: no finished run lies there or below; name another folder")
    return runs


def run_folders(folder: Path) -> Iterator[Path]:
    """Folders of runs: the folder itself, or those below it in the order of their names.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; name folders of runs or of sweeps")
    for place, names, files in os.walk(folder):
        names.sort()
        path = Path(place)
        has_model = (path / BUNDLES / BUNDLE_MANIFEST).is_file()
        if has_model or ("config.yaml" in files and BUNDLE_MANIFEST not in files):
            yield path
            names[:] = [name for name in names if name not in INSIDE]


def is_finished(run: Path) -> bool:
    """Whether a run has left a model; one that has not is named in the log."""
    if (run / BUNDLES / BUNDLE_MANIFEST).is_file():
        return True
    state = RunDirectory(run).status().get("state", "not begun")
    logger.warning("%s is left out: it has no finished model (%s)", run, state)
    return False


def collected_run(run: Path, collection: Collection) -> RunResult:
    """What a report takes from a finished run.

    Raises:
        UserError: the run is damaged, or its evaluation is of another model.
    """
    logger.info("reading %s", run)
    bundle = load_bundle(run)
    origin = origin_of(run, bundle)
    options = as_plain(bundle.config)
    values = training_values(run, bundle, origin)
    folder = evaluation_folder(run, collection.split)
    if (folder / SCORES).is_file():
        scores = read_json(folder / SCORES)
        ensure_of_model(folder, scores, bundle)
        options |= {section: scores[section] for section in SECTIONS if section in scores}
        scored = translation_values(bundle, folder, collection.metrics, origin)
        values = scored | values
    else:
        command = f"{command_name('evaluate')} run={run} split={collection.split}"
        logger.warning("%s has no scores: it is not evaluated; %s", run, command)
    values |= model_values(bundle, collection.measurements, data_basis(bundle, origin))
    return RunResult(
        run=str(run),
        seed=bundle.config.seed,
        configuration={k: v for k, v in flattened(options).items() if k not in PLACE_OPTIONS},
        overrides=tuple(overrides_of_run(run)),
        origin=origin,
        values=values,
        curves=curves_of(run),
    )
