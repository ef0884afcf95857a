"""A comparison of settings: its folder, its ledger, and the calls that work for it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seq2seq.bench_runs.ledger import Ledger
from seq2seq.bench_runs.settings import QualitySettings, Setting
from seq2seq.errors import ConfigError
from seq2seq.jobs import Call
from seq2seq.options import problems_in

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
THREADS = "trainer.num_threads"


@dataclass
class Comparison:
    """Settings that are trained with several seeds, and evaluated.

    Attributes:
        folder: absolute; holds the ledger and a folder for each setting.
        jobs: runs at once. If it is more than one, each has one thread.
        python: the interpreter of all processes, with its arguments.
    """

    settings: QualitySettings
    folder: Path
    ledger: Ledger
    jobs: int = 1
    python: Sequence[str] = field(default_factory=lambda: [sys.executable])

    @classmethod
    def opened(cls, settings: QualitySettings, folder: Path, *, jobs: int = 1) -> "Comparison":
        """A comparison in a new folder, or in one where it was interrupted.

        Raises:
            ConfigError: the settings contradict each other.
            UserError: the folder holds a comparison of another base or budget.
        """
        if problems := list(problems_in(settings)):
            raise ConfigError(problems)
        folder = folder.absolute()
        return cls(settings, folder, Ledger.opened(folder, settings), jobs)

    @property
    def sides(self) -> list[Setting]:
        """The settings, the baseline first."""
        return self.settings.comparison()

    def entry(self, setting: Setting) -> dict[str, Any]:
        """What the ledger says of a setting."""
        return self.ledger.settings[setting.name]

    def typed(self, setting: Setting) -> list[str]:
        """The overrides of a setting's runs before they are planned."""
        return [*self.settings.base, *setting.overrides]

    def thread_options(self, setting: Setting) -> list[str]:
        """One thread for each run, unless it runs alone or its number of threads was chosen."""
        chosen = any(item.startswith(f"{THREADS}=") for item in self.typed(setting))
        return [] if self.jobs == 1 or chosen else [f"{THREADS}=1"]

    def call(self, setting: Setting, arguments: Sequence[str], log: Path) -> Call:
        """A call of Python for a setting, by its sources."""
        environment = ONE_THREAD if self.jobs > 1 else {}
        return Call([*self.python, *arguments], log, setting.checkout, environment)

    def own_call(self, arguments: Sequence[str], log: Path) -> Call:
        """A call of Python by the sources of this version."""
        return self.call(Setting("", ()), arguments, log)
