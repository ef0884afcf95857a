"""Binding a run to what it trains on and with: recorded when training begins, compared afterwards.

Imports torch only where needed.
"""

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from seq2seq.config.schema import RunConfig
from seq2seq.folder.directory import RunDirectory
from seq2seq.folder.machine import Hardware, as_begun, environment_facts, threads
from seq2seq.folder.record import RunRecord, write_record
from seq2seq.imports import imported_sha256
from seq2seq.processes import available_cores
from seq2seq.run.contract import Difference, content_differences, ensure_allowed
from seq2seq.run.init_from import initial_sha256, with_initial

if TYPE_CHECKING:
    from seq2seq.data.corpus_files import PreparedCorpus

logger = logging.getLogger(__name__)

EARLIER = (
    "note: this run was begun by version 0.1.0, which did not record what it was trained on and "
    "with: that is not compared now, and the run is bound to it from here on"
)


@dataclass
class Binding:
    """A run in its folder, on this machine.

    Attributes:
        record: of the run, before this process trains.
        config: as it is saved.
        changes: options that are others than before, all of which may be.
        free: paths of options that this machine chooses for, instead of keeping what was chosen.
        allowed: categories of differences that are allowed.
        here: the configuration with the places and the hardware that are used here.
    """

    directory: RunDirectory
    record: RunRecord
    config: RunConfig
    changes: tuple[Difference, ...] = ()
    free: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    here: RunConfig = field(init=False)
    _unwritten: RunRecord | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        trainer = self.config.trainer
        if self.record.hardware is not None:
            trainer = as_begun(trainer, self.record.hardware, self.free)
        self.here = replace(with_initial(self.config, self.directory.path), trainer=trainer)

    def changed(self, options: Iterable[str]) -> bool:
        """Whether one of these options is another than before."""
        return any(change.what in options for change in self.changes)

    def begin(
        self, corpus: "PreparedCorpus", *, step: int, device: str, precision: str, processes: int
    ) -> None:
        """Compare what is trained on and with to the record; `enter_phase` then writes the new one.

        Args:
            step: the optimizer step that training begins from.
            device, precision, processes: see `Hardware`.

        Raises:
            ConfigError: a difference that is not allowed.
        """
        record, hardware = self.record, Hardware(device, precision, processes, threads())
        bound = bound_contents(self.here, corpus)
        facts = environment_facts(device) | gold_sha256(corpus)
        differences = hardware_differences(record.hardware, hardware)
        if record.bound is not None:
            differences += content_differences(record.bound, bound)
        ensure_allowed(differences, self.allowed | {"threads", "device"})
        before = record.environment or facts
        elsewhere = content_differences({"": before}, {"": facts})
        self.warn(hardware, step, differences, elsewhere)
        new = replace(record, bound=bound, hardware=hardware, environment=facts)
        entries = [difference.entry() for difference in [*self.changes, *differences, *elsewhere]]
        self._unwritten = new.with_changes(step, entries)

    def enter_phase(self, name: str) -> None:
        """Enter a phase of the run; with the first after `begin`, the run is bound.

        Until then a refusal leaves the record as it was.
        """
        if self._unwritten is not None:
            write_record(self.directory.path, self._unwritten)
            self._unwritten = None
        self.directory.enter_phase(name)

    def warn(
        self,
        hardware: Hardware,
        step: int,
        differences: list[Difference],
        elsewhere: list[Difference],
    ) -> None:
        """Log what may change the result, a line for each kind."""
        if not self.record.version:
            logger.warning(EARLIER)
        differences = [
            *(change for change in self.changes if change.category in self.allowed),
            *differences,
        ]
        if differences:
            logger.warning(
                "note: from step %s on the run is another than if it had not been changed: %s",
                f"{step:,}",
                "; ".join(map(str, differences)),
            )
        if elsewhere:
            logger.warning(
                "note: the last bits may be others than before: %s", "; ".join(map(str, elsewhere))
            )
        cores = available_cores()
        if hardware.threads > cores and self.record.hardware is not None:
            logger.warning(
                "note: the run keeps its %s threads, so that its bits stay the same, but has only "
                "%s cores here; trainer.num_threads=%s is faster",
                hardware.threads,
                cores,
                cores,
            )


def hardware_differences(before: Hardware | None, after: Hardware) -> list[Difference]:
    """What is used otherwise than before, by the names of `Hardware`."""
    if before is None:
        return []
    old, new = asdict(before), asdict(after)
    return [Difference(name, name, old[name], new[name]) for name in old if old[name] != new[name]]


def bound_contents(config: RunConfig, corpus: "PreparedCorpus") -> dict[str, dict[str, str]]:
    """Hashes of all that training reads, by category of differences and name."""
    from seq2seq.data.corpus_files import TOKENIZER

    manifest = corpus.manifest
    encoded = {
        name: entry
        for name, entry in manifest["files"].items()
        if name.split("/")[0] not in (TOKENIZER, "validation.json", "test.json")
    }
    digest = hashlib.sha256(json.dumps(encoded, sort_keys=True).encode()).hexdigest()
    texts = {f"{split} pairs": sha256 for split, sha256 in manifest["sha256"].items()}
    modules = imported_sha256(config.imports)
    return {
        "data": {**texts, "encoded train pairs": digest},
        "tokenizer": {f"{side} tokenizer": x for side, x in manifest["tokenizers"].items()},
        "base_weights": initial_sha256(config.init_from),
        "imports": {f"module {number}": x for number, x in enumerate(modules, 1)},
    }


def gold_sha256(corpus: "PreparedCorpus") -> dict[str, str]:
    """Hashes of the links of held-out pairs, by the name of the split."""
    splits = {"validation": corpus.validation.pairs.links, "test": corpus.test.pairs.links}
    return {
        f"gold links of the {split} pairs": hashlib.sha256("\n".join(links).encode()).hexdigest()
        for split, links in splits.items()
        if links is not None
    }
