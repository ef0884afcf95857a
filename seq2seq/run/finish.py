"""The end of a run: its bundle, its evaluation, its last status."""

import logging
from pathlib import Path

from seq2seq.bundle.files import write_bundle
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.folder.directory import RunDirectory
from seq2seq.model.transformer import Transformer
from seq2seq.processes import command_name
from seq2seq.results.as_configured import as_configured
from seq2seq.training.averaging import average_weights, load_step_average
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.config import Export, TrainerConfig

logger = logging.getLogger(__name__)


def finish(
    config: RunConfig,
    directory: RunDirectory,
    corpus: PreparedCorpus,
    model: Transformer,
    callback: TrainingCallback,
    seconds: float,
) -> None:
    """Write the bundle, evaluate it if configured, and record that the run is finished.

    Args:
        seconds: that this process trained for.
    """
    directory.enter_phase("exporting")
    facts = {
        "languages": list(config.data.languages()),
        "checkpoints": select_weights(config.trainer, callback, model),
        "data": corpus.manifest,
    }
    held_out = {"validation": corpus.validation.pairs, "test": corpus.test.pairs}
    write_bundle(directory.bundle, config, model, corpus.tokenizers, held_out, facts)
    log_end(callback, seconds, directory.bundle)
    if config.trainer.evaluate and len(corpus.test):
        from seq2seq.results.evaluate import evaluate_bundle

        directory.enter_phase("evaluation")
        evaluate_bundle(directory.path, as_configured(EvaluateConfig(), config))
    timing = {"training_seconds": round(seconds, 1)}
    took_steps = callback.step > callback.first_step
    directory.set_status(
        "finished", {"step": callback.step, "phase": None, **(timing if took_steps else {})}
    )
    log_next(directory)


def log_next(directory: RunDirectory) -> None:
    """Log what can be done with a finished run."""
    run = directory.path
    commands = {
        f"{command_name('evaluate')} run={run}": "score it, with alignments",
        f"seq2seq translate --run {run} < FILE": "translate sentences, one on a line",
        f"seq2seq report --run {run} --split test": "a page of translations and attention",
        f"{command_name('train')} resume={run} trainer.max_steps=N": "train it further",
    }
    lines = [f"  {command}\n      {purpose}" for command, purpose in commands.items()]
    logger.info("next:\n%s", "\n".join(lines))


def log_end(callback: TrainingCallback, seconds: float, bundle: Path) -> None:
    """Log which steps this process did, why no more, and where the model is."""
    minutes, remainder = divmod(round(seconds), 60)
    reason = callback.early_stopping.stopped
    done = f"trained from step {callback.first_step:,} to {callback.step:,} in {minutes}:"
    logger.info(
        "%s%s; model: %s",
        f"{done}{remainder:02d} min"
        if callback.step > callback.first_step
        else f"training had ended at step {callback.step:,}",
        f" ({reason})" if reason else "",
        bundle,
    )


def select_weights(
    config: TrainerConfig, callback: TrainingCallback, model: Transformer
) -> list[str]:
    """Give the model the weights for the bundle; returns the checkpoints that they are from."""
    steps, best = callback.saved_steps, callback.early_stopping.best_step
    if config.export is Export.best and best is not None:
        steps = [best]
    elif config.export is Export.best:
        logger.warning("no validation gave a number: the bundle holds the last checkpoint")
        steps = steps[-1:]
    elif config.export is Export.average:
        steps = steps[-config.average_last :]
    else:
        steps = steps[-1:]
    paths = [callback.store.path(step) for step in steps]
    model.load_state_dict(average_weights(callback.store, paths, model))
    steps_average = config.export in (Export.ema, Export.tail)
    if steps_average and not load_step_average(callback.store, paths[-1], model):
        logger.warning(
            "training ended before the average of its last steps began: the bundle holds the last "
            "checkpoint; choose a larger trainer.tail_share"
        )
    return [path.name for path in paths]
