"""Several processes give what one gives, and none of them outlives the work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.errors import ConfigError, MachineError, UserError
from seq2seq.evaluation import workers
from seq2seq.evaluation.translate import Translator
from seq2seq.evaluation.workers import Workers, workers_of
from seq2seq.model.transformer import Transformer
from tests.decoding.tiny import tiny
from tests.marks import slow_but
from tests.results.bundles import sentences

ROOT = Path(__file__).parents[2]
SECONDS = 60.0  # in which a process must end on a busy machine
BEAM = DecodingConfig(beam_size=3, n_best=2, batch_size=3, max_length_ratio=1.0)
CONFIGS = {
    "beam": BEAM,
    "greedy": replace(BEAM, beam_size=1, n_best=1),
    "sampling": replace(BEAM, method=DecodingMethod.sampling),
}


class Odd(Exception):
    """Cannot be copied to another process: its text is no argument."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"odd {first + second}")


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    path = tmp_path_factory.mktemp("tokenizer") / "joint.model"
    joint = Tokenizer.train(sentences(300), path, config=TokenizerConfig(vocab_size=100))
    return Tokenizers(TextSource(joint), joint)


@pytest.fixture
def model(tokenizers: Tokenizers) -> Transformer:
    return tiny(vocab=tokenizers.target.vocab_size, longest=48, layers=1)


@pytest.fixture(autouse=True)
def grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 0.05)


def has_ended(process: int) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def process_of(task: float) -> int:
    time.sleep(task)
    return os.getpid()


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("aligned", slow_but([True], [False, True]))
def test_translations_are_those_of_one_process(
    tokenizers: Tokenizers, model: Transformer, config: DecodingConfig, aligned: bool
) -> None:
    """Bit for bit and in order, over several windows, with prefixes of their own."""
    lines = [*sentences(14), "", *sentences(5, seed=2)]
    prefixes = [line[: row % 3] for row, line in enumerate(lines)]
    alignment = AlignmentConfig() if aligned else None

    def translated(number: int) -> list[object]:
        options = replace(config, workers=number)
        translator = Translator([model], tokenizers, options, alignment)
        results = translator.translate(lines, prefixes=prefixes, window=12, progress=done.append)
        return [
            (x.source, x.n_best, x.cut, x.alignment and x.alignment.weights.tolist())
            for x in results
        ]

    done: list[int] = []
    expected = translated(1)
    assert translated(2) == translated(3) == expected
    assert sum(done) == 3 * len(lines)


def test_tasks_are_shared_and_numbered() -> None:
    with Workers(3, lambda task: (task * task, os.getpid())) as several:
        for _ in range(2):
            results = dict(several.map(range(20)))
            assert [results[number][0] for number in range(20)] == [n * n for n in range(20)]
            assert os.getpid() not in {process for _, process in results.values()}


@pytest.mark.parametrize(("count", "tasks"), [(1, 3), (3, 1), (3, 0)])
def test_no_process_is_started_for_one_task_or_one_worker(count: int, tasks: int) -> None:
    with Workers(count, process_of) as several:
        assert [process for _, process in several.map([0.0] * tasks)] == [os.getpid()] * tasks


def raising(error: Exception) -> Callable[[int], int]:
    def work(task: int) -> int:
        if task == 2:
            raise error
        return task

    return work


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (UserError("a prefix is too long"), UserError, "^a prefix is too long$"),
        (ConfigError(["one", "two"]), ConfigError, "one"),
        (MemoryError(), MemoryError, "^$"),
        (Odd(1, 2), RuntimeError, "^Odd: odd 3$"),
    ],
)
def test_an_error_of_a_process_is_raised_here(
    error: Exception, kind: type[Exception], text: str
) -> None:
    with Workers(2, raising(error)) as several, pytest.raises(kind, match=text) as raised:
        list(several.map(range(5)))
    assert "in work" in str(raised.value.__cause__), "the traceback of the process"
    assert not several._workers


def test_a_process_that_is_killed_is_named() -> None:
    def work(task: int) -> int:
        if task == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    with Workers(2, work) as several, pytest.raises(MachineError, match="was killed by SIGKILL"):
        list(several.map(range(5)))


def begun(several: Workers[float, int]) -> tuple[Iterator[tuple[int, int]], list[int]]:
    """A map whose first task has ended, and the processes."""
    results = several.map([0.0, 0.0, SECONDS, SECONDS])
    next(results)
    return results, [worker.pid or 0 for worker in several._workers.values()]


def test_processes_end_with_the_block_and_with_what_is_abandoned() -> None:
    with Workers(2, process_of) as several:
        _, processes = begun(several)
    assert all(map(has_ended, processes))
    several = Workers(2, process_of)
    results, processes = begun(several)
    del results, several
    assert all(map(has_ended, processes))


@pytest.mark.parametrize(
    ("number", "group", "code"),
    [(signal.SIGTERM, False, 143), (signal.SIGINT, True, 130), (signal.SIGKILL, False, -9)],
)
def test_a_stop_ends_all_processes_with_one_line(number: int, group: bool, code: int) -> None:
    """Also where a terminal signals all of them, or where nobody is left to end them."""
    script = (
        "from seq2seq import stopping\n"
        "from tests.evaluation.test_workers import Workers, begun, process_of\n"
        "with stopping.handled(), Workers(2, process_of) as several:\n"
        "    results, processes = begun(several)\n"
        "    print(*processes, flush=True)\n"
        "    list(results)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout is not None
    processes = list(map(int, process.stdout.readline().split()))
    assert len(processes) == 2
    (os.killpg if group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == code, errors
    name = signal.Signals(number).name
    assert errors == ("" if code < 0 else f"stopped by {name}: nothing is left half written\n")
    assert all(map(has_ended, processes))


def test_without_a_number_there_is_a_process_for_each_thread_where_it_is_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(workers, "active_count", lambda: 1)
    monkeypatch.setattr(sys, "platform", "linux")
    assert workers_of(None, cpu) == 3
    assert workers_of(1, cpu) == 1
    assert workers_of(2, cpu) == 2
    assert workers_of(None, torch.device("meta")) == 1
    for module, name, value in (
        (workers, "active_count", lambda: 2),
        (workers, "is_rank", lambda: True),
        (sys, "platform", "darwin"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(module, name, value)
            assert workers_of(None, cpu) == 1, name


def test_no_more_processes_are_started_than_there_are_tasks() -> None:
    with Workers(5, process_of) as several:
        list(several.map([0.0, 0.0]))
        assert len(several._workers) == 2
        list(several.map([0.0] * 4))
        assert len(several._workers) == 4


def test_what_cannot_be_shared_is_refused(
    tokenizers: Tokenizers, model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = replace(BEAM, workers=2)
    with pytest.raises(ConfigError, match=r"^decoding\.workers: must be 1 on meta, not 2"):
        Translator([model.to("meta")], tokenizers, several)
    monkeypatch.setattr(workers, "get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(ConfigError, match="must be 1 on this operating system, not 2"):
        Workers(2, process_of)
    with Workers(1, process_of) as alone:
        assert len(list(alone.map([0.0, 0.0]))) == 2
