"""What the end of a run needs, tried before its first step."""

from dataclasses import replace

import torch

from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.held_out import ensure_validation_fits
from seq2seq.data.kinds.base import Item
from seq2seq.data.prepare import PreparedCorpus, Split
from seq2seq.errors import ConfigError
from seq2seq.evaluation.translate import Translator
from seq2seq.files import ensure_room
from seq2seq.folder.directory import RunDirectory
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.score import Scorer
from seq2seq.model.transformer import Transformer
from seq2seq.processes import is_first_process
from seq2seq.results.as_configured import as_configured
from seq2seq.results.evaluation_folder import ensure_replaceable, evaluation_folder
from seq2seq.results.scoring import build_scorer
from seq2seq.results.translations import room_for
from seq2seq.training.config import LOSS, Export, TrainerConfig

REHEARSED_LENGTH = 4  # of the translations that are tried
REHEARSED_REFERENCES = 2  # references that are scored


def ensure_scorable(config: RunConfig) -> Scorer:
    """The scorer of the evaluation after training; raises as `build_scorer`."""
    return build_scorer(config.data.languages()[1], config.metrics, ScoringProtocol.cased_13a)


def ensure_validated(config: RunConfig, corpus: PreparedCorpus) -> None:
    """Raise now what would stop a validation.

    Raises:
        DataError: a validation sentence is longer than the model reads.
        ConfigError: an option reads validations, but there is nothing to validate on.
    """
    if len(corpus.validation):
        lengths = config.model.max_source_length, config.model.max_target_length
        ensure_validation_fits(config.data, corpus, *lengths)
        return
    needing = {
        "export": (config.trainer.export is Export.best, "choose average, last, ema or tail"),
        "patience": (config.trainer.patience > 0, "choose 0"),
    }
    problems = [
        f"trainer.{name}: needs validation pairs, and the corpus has none; give some, or {remedy}"
        for name, (is_set, remedy) in needing.items()
        if is_set
    ]
    if problems:
        raise ConfigError(problems)


def rehearse_end(
    config: RunConfig, directory: RunDirectory, corpus: PreparedCorpus, model: Transformer
) -> None:
    """Try on a few sentences, with the untrained model, what will be done after training.

    Raises:
        UserError: an option of decoding or alignment, a metric, a sentence, the disk or the folder
            would stop it.
    """
    if config.trainer.metric != LOSS and config.trainer.bleu_lines:
        rehearse_scores(
            Scorer(config.data.languages()[1], [config.trainer.metric]), corpus.validation
        )
    if is_first_process():
        ensure_room(directory.path, room_to_train(config.trainer, directory, model))
    if config.trainer.evaluate and len(corpus.test):
        rehearse_evaluation(config, directory, corpus, model)


def rehearse_scores(scorer: Scorer, split: Split) -> None:
    """Score references of a split by themselves."""
    if references := split.pairs.target[:REHEARSED_REFERENCES]:
        scorer.corpus(references, references)


def room_to_train(config: TrainerConfig, directory: RunDirectory, model: Transformer) -> int:
    """Bytes that checkpoints and bundle will take beyond those that the folder holds."""
    weights: int = sum(x.nbytes for x in model.state_dict().values())
    checkpoints = config.num_kept() + 2  # the best, and one that is being written
    present = [*directory.checkpoints.glob("*.ckpt"), *directory.bundle.glob("*.safetensors")]
    held: int = sum(path.stat().st_size for path in present)
    copies = 4 if config.export in (Export.ema, Export.tail) else 3  # two are AdamW's
    return max(checkpoints * copies * weights + weights - held, 0)


def rehearse_evaluation(
    config: RunConfig, directory: RunDirectory, corpus: PreparedCorpus, model: Transformer
) -> None:
    """Translate, and align if that is configured, the shortest and the longest test sentence."""
    rehearse_scores(ensure_scorable(config), corpus.test)
    options = as_configured(EvaluateConfig(), config)
    decoding = replace(
        options.decoding, max_length_ratio=0.0, max_length_offset=REHEARSED_LENGTH, workers=1
    )
    was_training = model.training
    model.eval()
    try:
        translator = Translator([model], corpus.tokenizers, decoding, options.alignment)
        if is_first_process():
            folder = evaluation_folder(directory.path, options.split)
            ensure_replaceable(folder, room=room_for(translator, corpus.test.pairs))
        with torch.inference_mode():
            list(translator.translate(extreme_sources(corpus)))
    finally:
        model.train(was_training)


def extreme_sources(corpus: PreparedCorpus) -> list[Item]:
    """The shortest and the longest source of the test set."""
    lengths = corpus.test.encoded.source_lengths()
    return [corpus.test.pairs.source[row] for row in (lengths.argmin(), lengths.argmax())]
