"""Metrics of translations against references, by the names that a configuration calls them.

A metric is a class in a file of this package, or in a module that `imports=` names:

    from seq2seq.metrics import METRICS, Metric

    @METRICS.register
    class ExactMatch(Metric): ...
"""

from seq2seq.metrics.base import METRICS, Metric
from seq2seq.metrics.bleu import Bleu
from seq2seq.metrics.chrf import ChrF
from seq2seq.metrics.exact_match import ExactMatch
from seq2seq.metrics.ter import Ter

__all__ = ["METRICS", "Bleu", "ChrF", "ExactMatch", "Metric", "Ter"]
