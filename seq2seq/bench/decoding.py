"""The benchmark of decoding: sentences a second of a run beside peers.

Every contestant translates the same lines in a process of its own: first some of them to warm up,
then all of them, which is timed. Start-up, up to the first translation, is told apart.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seq2seq.bench.contest import Contestant, ContestResults, announce, compete
from seq2seq.bench.decoding_peers import (
    OWN_COMMAND,
    DecodingPeer,
    PeerContext,
    decoding_peers,
    with_settings,
)
from seq2seq.bench.peers.catalogue import of_threads_number
from seq2seq.bench.process import run_process
from seq2seq.bench.summary import PEAK_MEMORY, Figure
from seq2seq.bundle.files import held_out_split, load_bundle
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import read_lines, write_lines
from seq2seq.processes import available_cores

DECODING_FIGURES = (
    Figure("sentences_per_second", "sentences/s"),
    Figure("start_seconds", "s start-up"),
    PEAK_MEMORY,
)
OWN = "seq2seq"
OF_OUR_SEARCH = ("workers=",)  # overrides that the engine has no use for
WARM_UP_LINES = 100


@dataclass(frozen=True)
class DecodingRequest:
    """What one process translates, as JSON in a file.

    Attributes:
        run: folder of a run, or what a peer reads in its place.
        lines: file of source lines.
        lengths: file for the lengths of our translations, in tokens.
        overrides: options of our search, "batch_size=64".
        threads: that the process may use.
        settings: of a peer.
        output: file for the translations.
    """

    run: str
    lines: str
    lengths: str
    beam_size: int
    threads: int
    overrides: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    warm_up: int = WARM_UP_LINES

    def save(self, path: Path) -> None:
        """Write it for a process."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "DecodingRequest":
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class DecodingBench:
    """What `seq2seq bench decode` measures.

    Attributes:
        source: file to translate; None for the run's test split.
        overrides: options of our search.
        threads: of each contestant; None for the cores that this process may use.
        peers: names of rivals.
        export: folder for CTranslate2; None for that in the run's folder.
        environments: folder of the environments of peers.
        rounds: in which each contestant is measured once.
    """

    run: Path
    source: Path | None
    overrides: Sequence[str]
    threads: int | None
    peers: Sequence[str]
    export: Path | None
    environments: Path
    rounds: int

    def contest(self, beam_size: int, output: Path) -> tuple[ContestResults, list[str]]:
        """Measure every contestant in turn; results and failures as of `compete`.

        Raises:
            UserError: the run or the text cannot be used, or a peer is not installed.
            MeasurementError: a peer failed with each of its settings.
        """
        threads = self.threads or available_cores()
        with tempfile.TemporaryDirectory() as name:
            folder, bundle = Path(name), load_bundle(self.run)
            lines = self.lines_of(lambda: held_out_split(bundle, "test").source)
            write_lines(folder / "lines.txt", lines)
            context = PeerContext(self.run, self.export, self.environments, folder, lines, threads)
            rivals = decoding_peers(self.peers, context, bundle)
            request = DecodingRequest(
                str(self.run.absolute()),
                str(folder / "lines.txt"),
                str(folder / "lengths"),
                beam_size,
                threads,
                list(self.overrides),
            )
            contest = EqualOutputs(folder, request)
            chosen = [contest.fastest(peer) for peer in rivals]
            settings = {
                **asdict(request),
                "lines": str(self.source or "test split"),
                "peers": {peer.name: {**peer.tried[0], "note": peer.note} for peer in chosen},
            }
            contestants = [Contestant(OWN, contest.own())]
            contestants += [Contestant(peer.name, contest.peer(peer)) for peer in chosen]
            return compete(
                contestants, DECODING_FIGURES, rounds=self.rounds, output=output, settings=settings
            )

    def lines_of(self, test_split: Callable[[], Sequence[Any]]) -> list[str]:
        """The lines to translate.

        Raises:
            UserError: the run has no test split, or the file is empty.
        """
        if self.source is None:
            return list(map(str, test_split()))
        if lines := read_lines(self.source):
            return lines
        raise DataError(f"{self.source}: must hold at least one line; name another file")


class EqualOutputs:
    """Measurements of decoding, each with the number of translations equal to ours.

    Args:
        folder: for requests and translations.
        request: without output and settings.
    """

    def __init__(self, folder: Path, request: DecodingRequest) -> None:
        self.folder, self.request = folder, request
        self.ours: list[str] = []

    def own(self) -> Callable[[], Mapping[str, Any]]:
        """A measurement of this package."""
        return self.measured(OWN, [sys.executable, *OWN_COMMAND], self.request)

    def fastest(self, peer: DecodingPeer) -> DecodingPeer:
        """A peer with the fastest of its settings, each tried once after ours."""
        if not self.ours:
            self.own()()
        speeds: list[float] = []
        for settings in peer.tried:
            row = self.peer(with_settings(peer, settings))()
            speeds.append(row["sentences_per_second"])
            announce(f"{peer.name} {settings}: {speeds[-1]:.0f} sentences/s")
        return with_settings(peer, peer.tried[speeds.index(max(speeds))])

    def peer(self, peer: DecodingPeer) -> Callable[[], Mapping[str, Any]]:
        """A measurement of a peer with the first of its settings."""
        settings = {**peer.facts, **peer.tried[0]}
        request = replace(self.request, run=str(peer.folder), settings=settings, overrides=[])
        if peer.is_own:
            shared = [x for x in self.request.overrides if not x.startswith(OF_OUR_SEARCH)]
            overrides = [*shared, *(f"{name}={value}" for name, value in settings.items())]
            request = replace(request, overrides=overrides)
        return self.measured(peer.name, peer.command, request)

    def measured(
        self, name: str, command: Sequence[str], request: DecodingRequest
    ) -> Callable[[], Mapping[str, Any]]:
        """A measurement by a process that reads a request and may write translations."""
        path, output = self.folder / f"{name}.json", self.folder / f"{name}.txt"

        def measure() -> dict[str, Any]:
            replace(request, output=str(output)).save(path)
            finished = run_process(
                [*command, str(path), repr(time.time())],
                environment=of_threads_number(request.threads),
            )
            row = {"peak_bytes": finished.peak_bytes, **finished.result()}
            if not output.exists():
                return row
            translations = read_lines(output)
            if name == OWN:
                self.ours = translations
            pairs = zip(self.ours, translations, strict=True)
            equal = sum(ours == theirs for ours, theirs in pairs)
            return {**row, "sentences": len(translations), "equal_sentences": equal}

        return measure


def equal_notes(results: ContestResults) -> Iterator[str]:
    """For each peer how many of its translations are ours, whose weights and which settings."""
    for name, facts in results["settings"]["peers"].items():
        rows = [row for row in results["measurements"] if row["contestant"] == name]
        equal = [row["equal_sentences"] for row in rows if "equal_sentences" in row]
        if equal:
            yield f"{name}: {min(equal):,} of {rows[-1]['sentences']:,} translations equal ours"
        chosen = ", ".join(f"{key}={value}" for key, value in facts.items() if key != "note")
        yield f"{name}: {facts['note']}; {chosen}"


def checked_beams(beams: Sequence[int]) -> list[int]:
    """Beam sizes, each once. Raises ConfigError for one below 1."""
    if wrong := [beam for beam in beams if beam < 1]:
        raise ConfigError(f"--beam-size: must be at least 1, not {wrong[0]}; choose 5 or 1")
    return list(dict.fromkeys(beams))
