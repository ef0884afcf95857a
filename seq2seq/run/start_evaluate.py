"""Evaluation from its configuration; problems are reported before heavy imports."""

from collections.abc import Iterator
from pathlib import Path

from seq2seq.config.schema import EvaluateConfig
from seq2seq.errors import ConfigError
from seq2seq.metrics.base import metric_problems
from seq2seq.run.directory import newest_finished
from seq2seq.run.logs import configure_logging


def start_evaluation(config: EvaluateConfig) -> None:
    """Evaluate a run, or compare several.

    Raises:
        UserError: a problem the user can fix.
    """
    if problems := list(evaluate_problems(config)):
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


def evaluate_problems(config: EvaluateConfig) -> Iterator[str]:
    """The problems of these options, each as "option: must hold; given; choose"."""
    for section in ("decoding", "alignment"):
        for problem in getattr(config, section).problems():
            yield f"{section}.{problem}"
    if config.metrics is not None:
        yield from metric_problems(config.metrics)
    if (config.source is None) != (config.reference is None):
        yield "source, reference: must be given together; give both, or neither"
    for option, file in (("source", config.source), ("reference", config.reference)):
        if file is not None and not Path(file).is_file():
            yield f"{option}: must be a file, but there is no {file}"
    if config.compare:
        yield from comparison_problems(config)


def comparison_problems(config: EvaluateConfig) -> Iterator[str]:
    """The problems of `compare`."""
    if config.run is not None:
        yield "run, compare: must not be given together; leave out one of the two"
    paths = [Path(run) for run in config.compare]
    for path in paths:
        if not path.is_dir():
            yield f"compare: must list folders of runs, but there is no folder {path}"
    if len({path.resolve() for path in paths}) < max(len(paths), 2):
        yield f"compare: must be two or more different runs, not [{','.join(config.compare)}]"
