"""The rivals of the training benchmark: where they are installed, and how each is measured."""

import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from seq2seq.bench.contest import Contestant
from seq2seq.bench.peers import toolkit_configs
from seq2seq.bench.peers.toolkit_logs import eole_reports, figures_of, joeynmt_reports
from seq2seq.bench.process import run_process
from seq2seq.bench.workload import Workload
from seq2seq.errors import ConfigError, MissingDependencyError, choices

FOLDER = Path(__file__).parent
READY_MARK = ".ready"  # in the environment of a peer, when it is whole
INSTALL = "make bench-peers"


class Peer(ABC):
    """A rival in training.

    Attributes:
        environment: name of its environment below the folder of peers; None for that of this
            process.
    """

    environment: ClassVar[str | None] = None

    @abstractmethod
    def measure(self, python: str, workload: Workload, folder: Path) -> Mapping[str, Any]:
        """The figures of one training in a new process.

        Args:
            python: of the environment.
            folder: empty, for the files of the process.

        Raises:
            MeasurementError: it failed.
        """

    def contestant(self, name: str, peers: Path, workload: Workload) -> Contestant:
        """The peer as one of several contestants.

        Args:
            peers: folder of the environments.
        """
        python = python_of(self.environment, peers)

        def measure() -> Mapping[str, Any]:
            with tempfile.TemporaryDirectory() as folder:
                return self.measure(python, workload, Path(folder))

        return Contestant(name, measure)


class LoopPeer(Peer):
    """A model in the plain loop."""

    def __init__(self, model: str, *, bf16: bool = False, environment: str | None = None) -> None:
        self.model, self.bf16 = model, bf16
        self.environment = environment  # type: ignore[misc]

    def measure(self, python: str, workload: Workload, folder: Path) -> Mapping[str, Any]:
        request = folder / "request.json"
        replace(workload, bf16=self.bf16).save(request)
        files = [str(FOLDER / "loop.py"), str(FOLDER / f"{self.model}.py"), str(request)]
        # Isolated: the files beside the loop are named as the packages of peers.
        finished = run_process(
            [python, "-I", *files], environment=of_threads(workload), folder=folder
        )
        return {"peak_bytes": finished.peak_bytes, **finished.result()}


class JoeyNMT(Peer):
    """JoeyNMT (Kreutzer et al. 2019, arXiv:1907.12484)."""

    environment = "joeynmt"

    def measure(self, python: str, workload: Workload, folder: Path) -> Mapping[str, Any]:
        config = folder / "config.yaml"
        config.write_text(toolkit_configs.joeynmt(workload, folder), encoding="utf-8")
        command = [python, "-I", "-m", "joeynmt", "train", str(config), "--skip-test"]
        finished = run_process(
            command, environment=of_threads(workload), folder=folder, merged=True
        )
        figures = figures_of(joeynmt_reports(finished.lines), workload)
        return {**figures, "peak_bytes": finished.peak_bytes}


class Eole(Peer):
    """Eole, which continues OpenNMT-py (Klein et al. 2017, arXiv:1701.02810)."""

    environment = "eole"

    def measure(self, python: str, workload: Workload, folder: Path) -> Mapping[str, Any]:
        config = folder / "config.yaml"
        config.write_text(toolkit_configs.eole(workload, folder), encoding="utf-8")
        script = str(Path(python).with_name("eole"))
        command = [python, "-I", script, "train", "-c", str(config)]
        finished = run_process(
            command, environment=of_threads(workload), folder=folder, merged=True
        )
        figures = figures_of(eole_reports(finished.lines), workload)
        return {**figures, "peak_bytes": finished.peak_bytes}


PEERS: dict[str, Peer] = {
    "plain": LoopPeer("plain"),
    "plain_bf16": LoopPeer("plain", bf16=True),
    "marian": LoopPeer("marian", environment="marian"),
    "joeynmt": JoeyNMT(),
    "eole": Eole(),
}


def of_threads(workload: Workload) -> dict[str, str]:
    """Variables by which libraries take the threads of a workload."""
    return of_threads_number(workload.threads)


def of_threads_number(threads: int) -> dict[str, str]:
    """Variables by which libraries take so many threads."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))


def python_of(environment: str | None, peers: Path) -> str:
    """The Python of an environment below the folder of peers."""
    if environment is None:
        return sys.executable
    return str((peers / environment / "bin" / "python").absolute())


def chosen_peers(names: Sequence[str], peers: Path) -> dict[str, Peer]:
    """The peers of these names, each once.

    Args:
        peers: folder of their environments.

    Raises:
        ConfigError: there is no such peer.
        MissingDependencyError: one is not installed.
    """
    problems = [
        f"--peer: {name!r} is unknown; {choices(name, list(PEERS))}"
        for name in names
        if name not in PEERS
    ]
    if problems:
        raise ConfigError(problems)
    chosen = {name: PEERS[name] for name in names}
    for name, peer in chosen.items():
        ensure_installed(name, peer.environment, peers)
    return chosen


def ensure_installed(name: str, environment: str | None, peers: Path) -> None:
    """Raise MissingDependencyError if the environment of a peer is not there, or not whole."""
    if environment is not None and not (peers / environment / READY_MARK).exists():
        raise MissingDependencyError(
            f"--peer: {name} is not installed in {peers / environment}; run `{INSTALL}` in a "
            "checkout of this project, name its folder with --peers, or leave the peer out"
        )
