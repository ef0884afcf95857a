"""Evaluation from its configuration; problems are reported before heavy imports."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.bundle.locate import saved_config
from seq2seq.config.schema import EvaluateConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError
from seq2seq.folder.directory import newest_finished
from seq2seq.folder.logs import configure_logging
from seq2seq.options import problems_in, range_problems
from seq2seq.results.as_configured import SECTIONS, as_configured


def start_evaluation(config: EvaluateConfig, overrides: Sequence[str] = ()) -> None:
    """Evaluate a run, or compare several.

    Args:
        overrides: what the command line sets; options of decoding and alignment that are not among
            them are those of each run.

    Raises:
        UserError: a problem the user can fix.
    """
    if problems := evaluation_problems(config):
        raise ConfigError(problems)
    runs = [Path(run) for run in config.compare] or [
        Path(config.run) if config.run is not None else newest_finished(Path(config.outputs))
    ]
    configs = {run: as_configured(config, saved_config(run), overrides) for run in runs}
    configure_logging()
    from seq2seq.results.evaluate import evaluate_bundle, text_pairs

    text = text_pairs(config, runs[0])
    if config.compare:
        from seq2seq.results.compare import compare_runs

        compare_runs(configs, text=text)
    else:
        evaluate_bundle(runs[0], configs[runs[0]], text=text)


def evaluation_problems(config: EvaluateConfig) -> list[str]:
    """What can be said about an evaluation without its runs."""
    alone = replace(config, decoding=DecodingConfig(), alignment=AlignmentConfig())
    return [
        *problems_in(alone),
        *(
            f"{section}.{problem}"
            for section in SECTIONS
            for problem in range_problems(getattr(config, section))
        ),
    ]
