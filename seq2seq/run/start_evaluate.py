"""From an evaluation's configuration to its results; what can be refused early is refused before heavy imports."""

from pathlib import Path

from seq2seq.config.schema import EvaluateConfig
from seq2seq.errors import ConfigError
from seq2seq.run.directory import newest_finished
from seq2seq.run.logs import configure_logging


def start_evaluation(config: EvaluateConfig, folder: Path, overrides: list[str]) -> None:
    """Find the run and evaluate it.

    Raises:
        UserError: anything that a user can mend.
    """
    problems = [f"decoding.{problem}" for problem in config.decoding.problems()]
    problems += [f"alignment.{problem}" for problem in config.alignment.problems()]
    if (config.source is None) != (config.reference is None):
        problems.append("source, reference: give both, or neither")
    for option, file in (("source", config.source), ("reference", config.reference)):
        if file is not None and not Path(file).is_file():
            problems.append(f"{option}: there is no file {file}")
    if problems:
        raise ConfigError(problems)
    run = Path(config.run) if config.run is not None else newest_finished(Path(config.outputs))
    configure_logging()
    from seq2seq.run.evaluate import evaluate_bundle, own_text

    text = own_text(Path(config.source), Path(config.reference)) if config.source and config.reference else None
    evaluate_bundle(run, config.split, config.decoding, config.alignment, text=text)
