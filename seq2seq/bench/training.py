"""The benchmark of training: our steps beside those of peers, on the same encoded corpus."""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seq2seq.bench.contest import Contestant, ContestResults, announce, command_contestant, compete
from seq2seq.bench.peers.catalogue import chosen_peers, of_threads, of_threads_number
from seq2seq.bench.peers.toolkit_logs import LOGGED_EVERY
from seq2seq.bench.process import MeasurementError, run_process
from seq2seq.bench.summary import PEAK_MEMORY, SECONDS_PER_STEP, TOKENS_PER_SECOND
from seq2seq.bench.workload import Workload, export_corpus, plain_problems
from seq2seq.config.schema import RunConfig
from seq2seq.errors import UserError
from seq2seq.files import atomic_write
from seq2seq.folder.machine import threads
from seq2seq.run.start import check_run
from seq2seq.training.hardware import device_type, num_processes

OURS = "seq2seq"
PROFILED_STEPS = 10
FIGURES = (TOKENS_PER_SECOND, SECONDS_PER_STEP, PEAK_MEMORY)
DEFAULT_OVERRIDES = (
    "model=tiny",
    "data.batch.max_tokens=4096",
    "optimizer.matrices=adamw",  # as the peers
    "data=reverse",
    "data.num_symbols=7950",
    "data.min_length=6",
    "data.max_length=22",
    "data.num_train=29000",
    "data.tokenizer.vocab_size=8000",
)  # Transformer-Tiny on sentences of the length of Multi30k; nothing is downloaded


@dataclass(frozen=True)
class TrainingBench:
    """What `seq2seq bench train` measures.

    Attributes:
        peers: names of rivals, see `seq2seq.bench.peers.catalogue`.
        peers_folder: of their environments.
        rounds: in which each contestant is measured once.
        warmup: steps before time is taken.
        steps: that are timed.
        roofline: also measure the least possible step, and profile ours.
    """

    peers: Sequence[str]
    peers_folder: Path
    rounds: int
    warmup: int
    steps: int
    roofline: bool = False

    def problems(self) -> list[str]:
        """What is impossible about these options, in words."""
        return [
            f"--{name}: must be a multiple of {LOGGED_EVERY}, the steps between two reports of the "
            f"toolkits, not {value}; choose {max(value // LOGGED_EVERY, 1) * LOGGED_EVERY}"
            for name, value in (("warmup", self.warmup), ("steps", self.steps))
            if value < 1 or value % LOGGED_EVERY
        ]


def compare_training(
    bench: TrainingBench, config: RunConfig, overrides: Sequence[str], output: Path
) -> tuple[ContestResults, list[str]]:
    """Measure our training and that of the peers; results and failures as of `compete`.

    Args:
        overrides: by which the configuration came about; our processes compose it again.

    Raises:
        UserError: the configuration cannot be measured, or a peer is not installed.
    """
    ensure_measurable(bench, config)
    peers = chosen_peers(bench.peers, bench.peers_folder)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workload = prepared_workload(bench, config, folder, export=bool(peers))
        contestants = [own_contestant(bench, overrides, folder, workload)]
        contestants += [
            peer.contestant(peer_name, bench.peers_folder, workload)
            for peer_name, peer in peers.items()
        ]
        settings = {"overrides": list(overrides), **asdict(workload)}
        return compete(contestants, FIGURES, rounds=bench.rounds, output=output, settings=settings)


def ensure_measurable(bench: TrainingBench, config: RunConfig) -> None:
    """Raise ConfigError for what this benchmark cannot measure, or peers cannot express."""
    problems = bench.problems()
    if config.init_from is not None:
        problems.append("init_from: makes no step faster or slower; leave it out")
    if num_processes(config.trainer) > 1:
        problems.append("trainer.devices: one process is measured; choose 1")
    if bench.peers or bench.roofline:
        problems += [
            f"{path}: differs from a plain Transformer, which is all that peers train and the "
            "roofline lists; leave it out, or leave out --peer and --roofline"
            for path in plain_problems(config)
        ]
        if config.trainer.accumulate > 1:
            problems.append("trainer.accumulate: peers take one batch a step; choose 1")
    if bench.roofline and device_type(config.trainer.accelerator) != "cpu":
        problems.append(
            "trainer.accelerator: the roofline is of a CPU; choose cpu, or leave out --roofline"
        )
    check_run(config, problems)


def prepared_workload(
    bench: TrainingBench, config: RunConfig, folder: Path, *, export: bool
) -> Workload:
    """Prepare the corpus, write it for peers if it is asked for, and describe the work."""
    from seq2seq.data.prepare import prepare

    corpus = prepare(config.data)
    if export:
        announce("writing the corpus for the peers")
        export_corpus(corpus, folder)
    return Workload.of(
        config,
        folder,
        vocab_size=corpus.tokenizers.target.vocab_size,
        warmup=bench.warmup,
        steps=bench.steps,
        threads=config.trainer.num_threads or threads(),
    )


def own_contestant(
    bench: TrainingBench, overrides: Sequence[str], folder: Path, workload: Workload
) -> Contestant:
    """Our training, in a run folder that is deleted with the given one."""
    request = json.dumps({"warmup": bench.warmup, "steps": bench.steps})
    command = own_command("own_training", request, overrides, folder)
    return command_contestant(OURS, command, environment=of_threads(workload))


def own_command(module: str, request: str, overrides: Sequence[str], folder: Path) -> list[str]:
    """A process of this package that composes the configuration again."""
    python = [sys.executable, "-m", f"seq2seq.bench.{module}"]
    return [*python, request, *overrides, f"hydra.run.dir={folder / 'run'}"]


def add_roofline(
    bench: TrainingBench, overrides: Sequence[str], results: ContestResults, output: Path
) -> None:
    """Add the "roofline" of this machine and the "profile" of our steps, and write the results.

    Raises:
        UserError: a process failed.
    """
    environment = of_threads_number(results["settings"]["threads"])
    profiled = {"warmup": bench.warmup, "steps": PROFILED_STEPS}
    for module, request in (("roofline", {}), ("profile", profiled)):
        announce(f"measuring the {module}")
        with tempfile.TemporaryDirectory() as folder:
            command = own_command(module, json.dumps(request), overrides, Path(folder))
            try:
                results[module] = run_process(command, environment=environment).result()
            except MeasurementError as error:
                raise UserError(f"the {module} cannot be measured: {error}") from error
        atomic_write(output, (json.dumps(results, indent=1) + "\n").encode())
