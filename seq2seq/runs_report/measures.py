"""What the columns of a report over runs show: names, units, digits, directions."""

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.metrics.base import METRICS

TESTED_METRICS = ("bleu", "chrf")  # of the report, unless others are chosen


@dataclass(frozen=True)
class ReportMeasure:
    """A measure of runs.

    Attributes:
        label: in tables, with the unit.
        digits: after the decimal point.
        higher_is_better: None where neither direction is an improvement.
        unit: number by which values are divided in tables.
        varies: whether seeds of a configuration may differ in it.
    """

    name: str
    label: str
    digits: int
    higher_is_better: bool | None
    unit: float = 1.0
    varies: bool = True

    def shown(self, value: float) -> float:
        """A value in the unit of tables."""
        return value / self.unit


FIXED = (
    ReportMeasure("validation_loss", "validation loss", 3, False),
    ReportMeasure("gold_alignment_error", "AER, gold (%)", 1, False, 0.01),
    ReportMeasure("reverse_alignment_error", "disagreement of directions (%)", 1, False, 0.01),
    ReportMeasure("parameters", "parameters (M)", 2, False, 1e6, varies=False),
    ReportMeasure("training_speed", "training target tokens/s", 0, True),
    ReportMeasure("training_memory", "peak memory, training (MB)", 0, False, 2**20),
    ReportMeasure("translation_speed", "translated sentences/s", 0, True),
    ReportMeasure("peak_memory", "peak memory, translating (MB)", 0, False, 2**20),
    ReportMeasure("decoding_state", "decoding state (kB)", 1, False, 1024, varies=False),
)
MEASURES_BY_NAME = {measure.name: measure for measure in FIXED}


def measure_named(name: str) -> ReportMeasure:
    """The measure of a name, which may be that of a metric.

    Raises:
        ConfigError: it is neither.
    """
    if name in MEASURES_BY_NAME:
        return MEASURES_BY_NAME[name]
    metric = METRICS[name]
    return ReportMeasure(name, metric.label, 2, metric.higher_is_better)


def is_metric(name: str) -> bool:
    """Whether a measure is a score of translations, whose differences are tested."""
    return name not in MEASURES_BY_NAME


def report_measures(names: Sequence[str]) -> list[ReportMeasure]:
    """Those of the names, metrics first, the others in the order of FIXED."""
    metrics = [name for name in dict.fromkeys(names) if is_metric(name)]
    fixed = [measure.name for measure in FIXED if measure.name in names]
    return [measure_named(name) for name in [*metrics, *fixed]]
