"""Evaluation from its configuration; problems are reported before heavy imports."""

from pathlib import Path

from seq2seq.config.schema import EvaluateConfig
from seq2seq.errors import ConfigError
from seq2seq.options import problems_in
from seq2seq.run.directory import newest_finished
from seq2seq.run.logs import configure_logging


def start_evaluation(config: EvaluateConfig) -> None:
    """Evaluate a run, or compare several.

    Raises:
        UserError: a problem the user can fix.
    """
    if problems := list(problems_in(config)):
        raise ConfigError(problems)
    runs = [Path(run) for run in config.compare] or [
        Path(config.run) if config.run is not None else newest_finished(Path(config.outputs))
    ]
    configure_logging()
    from seq2seq.run.evaluate import evaluate_bundle, text_pairs

    text = text_pairs(config, runs[0])
    if config.compare:
        from seq2seq.run.compare import compare_runs

        compare_runs(runs, config, text=text)
    else:
        evaluate_bundle(runs[0], config, text=text)
