"""From an evaluation's configuration to its results; what can be refused early is refused before heavy imports."""

from pathlib import Path

from seq2seq.config.schema import EvaluateConfig
from seq2seq.errors import ConfigError
from seq2seq.run.directory import newest_finished
from seq2seq.run.logs import configure_logging


def start_evaluation(config: EvaluateConfig, folder: Path, overrides: list[str]) -> None:
    """Find the run and evaluate it, or compare several.

    Raises:
        UserError: anything that a user can mend.
    """
    if found := problems(config):
        raise ConfigError(found)
    runs = [Path(run) for run in config.compare]
    if not runs:
        runs = [
            Path(config.run) if config.run is not None else newest_finished(Path(config.outputs))
        ]
    configure_logging()
    from seq2seq.run.evaluate import evaluate_bundle, own_text

    text = (
        own_text(Path(config.source), Path(config.reference))
        if config.source and config.reference
        else None
    )
    if config.compare:
        from seq2seq.run.compare import compare_runs

        compare_runs(
            runs,
            config.split,
            config.decoding,
            config.alignment,
            text=text,
            protocol=config.protocol,
        )
    else:
        evaluate_bundle(
            runs[0],
            config.split,
            config.decoding,
            config.alignment,
            text=text,
            protocol=config.protocol,
        )


def problems(config: EvaluateConfig) -> list[str]:
    """What is wrong with these options, each as "option: what; what to choose"."""
    found = [f"decoding.{problem}" for problem in config.decoding.problems()]
    found += [f"alignment.{problem}" for problem in config.alignment.problems()]
    if (config.source is None) != (config.reference is None):
        found.append("source, reference: give both, or neither")
    for option, file in (("source", config.source), ("reference", config.reference)):
        if file is not None and not Path(file).is_file():
            found.append(f"{option}: there is no file {file}")
    return found + (comparison_problems(config) if config.compare else [])


def comparison_problems(config: EvaluateConfig) -> list[str]:
    found = []
    if config.run is not None:
        found.append(
            "run, compare: one run is evaluated, or several are compared; leave out one of the two"
        )
    paths = [Path(run) for run in config.compare]
    found += [
        f"compare: there is no folder {path}; give folders of runs"
        for path in paths
        if not path.is_dir()
    ]
    if len({path.resolve() for path in paths}) < max(len(paths), 2):
        found.append(
            f"compare: must be two or more different runs, not [{','.join(config.compare)}]"
        )
    return found
