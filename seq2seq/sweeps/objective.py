"""What a sweeper that searches, such as Optuna's, is told about a run."""

from pathlib import Path

from seq2seq.folder.reports import reports_of
from seq2seq.metrics import METRICS
from seq2seq.training.config import LOSS
from seq2seq.training.early_stopping import quality


def objective_of(run: Path, metric: str) -> float | None:
    """The best value of a metric in the validations of a run; None without any.

    It is the loss where translations were not scored. Losses and error rates are to be minimised,
    all other metrics maximised.
    """
    validations = [report for report in reports_of(run) if "val/loss" in report]
    if not validations:
        return None
    best = max(quality(report, metric) for report in validations)
    is_loss = metric == LOSS or f"val/{metric}" not in validations[-1]
    return -best if is_loss or not METRICS[metric].higher_is_better else best
