"""Configurations of whole commands, assembled from the dataclasses of the packages."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.data.config import DataConfig
from seq2seq.data.corpora import TatoebaConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.metrics.base import DEFAULT_METRICS, metric_problems
from seq2seq.metrics.bleu import tokenizer_problems
from seq2seq.metrics.protocol import Scoring, ScoringProtocol
from seq2seq.model.config import ModelConfig
from seq2seq.options import LARGEST_SEED, Options, Readers, number
from seq2seq.paths import STANDARD_INPUT, name_problem, names_python_file, path_option
from seq2seq.training.auxiliary import ConsistencyConfig
from seq2seq.training.config import LoggerConfig, TrainerConfig
from seq2seq.training.optimizer_config import OptimizerConfig, ScheduleConfig
from seq2seq.training.supervision_config import AlignmentSupervisionConfig


@dataclass
class RunConfig(Options):
    """One training run.

    Attributes:
        name: of the folder below `outputs/` that the run is in.
        seed: of initial weights, batch order and dropout.
        init_from: a finished run or bundle whose weights and vocabulary training begins with,
            instead of random weights.
        imports: files and modules of yours that define further options (see `seq2seq.imports`).
        metrics: names of the metrics that translations are scored by.
        batch_transforms: random changes to training batches, in this order; names such as
            `word_dropout`, or mappings with options, `{name: word_dropout, source: 0.2}`.
        auxiliary_losses: losses beside the translation loss, given in the same way: `r_drop`,
            `cutoff`, and those of yours.
        model: sizes and attentions.
        data: the corpus and how it becomes batches.
        optimizer: of the weights.
        schedule: of the learning rate.
        trainer: length, hardware, validation and checkpoints.
        logger: an experiment tracker.
        decoding: search for translations.
        alignment: export of word alignments.
        alignment_supervision: a second loss that teaches a head word alignments.
    """

    name: str = "train"
    seed: int = number(1, at_least=0, at_most=LARGEST_SEED)
    init_from: str | None = path_option()
    imports: list[str] = path_option([], is_path=names_python_file)
    metrics: list[str] = field(default_factory=lambda: list(DEFAULT_METRICS))
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=TatoebaConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    alignment_supervision: AlignmentSupervisionConfig = field(
        default_factory=AlignmentSupervisionConfig
    )
    batch_transforms: list[Any] = field(default_factory=list)
    auxiliary_losses: list[Any] = field(default_factory=list)

    def problems(self) -> list[str]:
        problems = [*super().problems(), *metric_problems(self.metrics)]
        if problem := name_problem(self.name):
            problems.append(f"name: {problem}")
        for option in ("batch_transforms", "auxiliary_losses"):
            names = [entry.name for entry in getattr(self, option)]
            problems += [
                f"{option}[{index}]: {name} is listed twice; list it once"
                for index, name in enumerate(names)
                if name in names[:index]
            ]
        twice = [x.name for x in self.auxiliary_losses if isinstance(x, ConsistencyConfig)]
        if len(set(twice)) > 1:
            problems.append(
                f"auxiliary_losses: {' and '.join(twice)} each read every pair twice; list one"
            )
        return problems


@dataclass
class EvaluateConfig(Options):
    """One evaluation.

    Attributes:
        run: a run's folder or a bundle; null takes the newest finished run below `outputs`.
        outputs: folder of runs.
        split: "test" or "validation" of the run's corpus, or, with source and reference, the name
            of the folder that the results go to.
        output: folder that the results go to, below the name of the split; null is `evaluation/` in
            the folder of the run. With compare each run has a folder of its name there.
        source, reference: files to translate and to score against instead, one sentence a line;
            "-" is standard input.
        compare: folders of two or more runs: tests whether they differ from the first, instead of
            evaluating one.
        metrics: names of the metrics that translations are scored by; null takes those of the
            (first) run.
        protocol: the form of the text that is scored.
        target_language: code of the language that is scored, such as zh; null takes that of the
            run. BLEU and TER choose by it how they split text.
        bleu_tokenizer: sacrebleu's name of the tokenizer of BLEU, such as 13a, intl, char, zh,
            ja-mecab or ko-mecab; null chooses by the target language.
        imports: files and modules of yours that the run needs; its own configuration is not
            trusted to name them.
        decoding: search for translations. On the command line, options that are not set are those
            that the run was configured with, here and in alignment.
        alignment: export of word alignments.
    """

    run: str | None = path_option()
    outputs: str = path_option("outputs")
    split: str = "test"
    output: str | None = path_option()
    source: str | None = path_option()
    reference: str | None = path_option()
    compare: list[str] = path_option([])
    metrics: list[str] | None = None
    protocol: ScoringProtocol = ScoringProtocol.cased_13a
    target_language: str | None = None
    bleu_tokenizer: str | None = None
    imports: list[str] = path_option([], is_path=names_python_file)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)

    def problems(self) -> list[str]:
        problems = [*super().problems()]
        if self.metrics is not None:
            problems += metric_problems(self.metrics)
        metrics = DEFAULT_METRICS if self.metrics is None else self.metrics
        problems += tokenizer_problems(Scoring("", self.protocol, self.bleu_tokenizer), metrics)
        if problem := split_problem(self.split):
            problems.append(f"split: {problem}")
        if (self.source is None) != (self.reference is None):
            problems.append("source, reference: must be given together; give both, or neither")
        if self.source == self.reference == STANDARD_INPUT:
            problems.append("source, reference: standard input can be read once only; give a file")
        for option, file in (("source", self.source), ("reference", self.reference)):
            named = file is not None and file != STANDARD_INPUT
            if named and (not Path(str(file)).exists() or Path(str(file)).is_dir()):
                problems.append(f"{option}: must be a file, but there is no {file}")
        return problems + (self._comparison_problems() if self.compare else [])

    def _comparison_problems(self) -> list[str]:
        problems = []
        if self.run is not None:
            problems.append("run, compare: must not be given together; leave out one of the two")
        paths = [Path(run) for run in self.compare]
        problems += [
            f"compare: must list folders of runs, but there is no folder {path}"
            for path in paths
            if not path.is_dir()
        ]
        if len({path.resolve() for path in paths}) < max(len(paths), 2):
            listed = ",".join(self.compare)
            problems.append(f"compare: must be two or more different runs, not [{listed}]")
        return problems

    def readers(self) -> Readers:
        searched = self.run is None and not self.compare
        return {"outputs": (searched, "leave out run and compare")}


def split_problem(split: str) -> str | None:
    """Why a text cannot be the name of an evaluation's folder; None if it can."""
    if problem := name_problem(split):
        return problem
    if split.startswith(".") or "=" in split:
        return f"must not begin with a dot or hold =, as {split!r} does; choose a name of letters"
    return None
