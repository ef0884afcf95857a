"""`quality.json`: what a comparison is to train, what it has trained, and the results.

It is written after every change, so that a comparison that was interrupted goes on.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seq2seq.bench_runs.settings import QualitySettings, Setting
from seq2seq.bounded import read_json
from seq2seq.errors import UserError
from seq2seq.files import atomic_write, ensure_replaceable_json
from seq2seq.folder.directory import FINISHED

LEDGER = "quality.json"
LEDGER_KEYS = ("base", "budget", "settings", "runs")


class Ledger:
    """The ledger of a folder of runs.

    Attributes:
        settings: by name: overrides, checkout, steps, planned overrides, configuration.
        runs: by "NAME/seed_N": state, results, hashes of the code.
    """

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self.content = folder, content
        self.settings: dict[str, dict[str, Any]] = content["settings"]
        self.runs: dict[str, dict[str, Any]] = content["runs"]

    @classmethod
    def opened(cls, folder: Path, settings: QualitySettings) -> "Ledger":
        """The ledger in a folder, or a new one.

        Raises:
            UserError: what is there was trained from another base or for another budget, or is no
                ledger.
        """
        path = folder / LEDGER
        ensure_replaceable_json(path, LEDGER_KEYS)
        expected = {"base": list(settings.base), "budget": list(settings.budget() or ()) or None}
        if not path.exists():
            return cls(folder, {**expected, "settings": {}, "runs": {}})
        content = read_json(path)
        assert isinstance(content, dict), "ensure_replaceable_json saw its keys"
        for name, value in expected.items():
            if content[name] != value:
                raise UserError(
                    f"{path}: its runs have the {name} {content[name]}, not {value}, and could not "
                    "be compared; choose another --output"
                )
        return cls(folder, content)

    def save(self) -> None:
        """Write the file."""
        text = json.dumps(self.content, indent=1, ensure_ascii=False) + "\n"
        atomic_write(self.folder / LEDGER, text.encode())

    def add_setting(self, setting: Setting, configuration: dict[str, Any]) -> dict[str, Any]:
        """The entry of a setting, made if it is new.

        Raises:
            UserError: the ledger has other options under this name.
        """
        expected = {"overrides": list(setting.overrides), "checkout": setting.checkout}
        entry = self.settings.setdefault(setting.name, {**expected})
        if any(entry[name] != value for name, value in expected.items()):
            raise UserError(
                f"{self.folder / LEDGER}: {setting.name} stands there with "
                f"{' '.join(entry['overrides']) or 'no overrides'}; choose another name"
            )
        entry.setdefault("configuration", configuration)
        return entry

    def run(self, setting: str, seed: int) -> dict[str, Any]:
        """The entry of a run, made if it is new."""
        key = f"{setting}/seed_{seed}"
        return self.runs.setdefault(key, {"setting": setting, "seed": seed})

    def run_folder(self, setting: str, seed: int) -> Path:
        return self.folder / setting / f"seed_{seed}"

    def finished(self, setting: str) -> Iterator[dict[str, Any]]:
        """The finished runs of a setting, in the order of their seeds."""
        runs = [run for run in self.runs.values() if run["setting"] == setting]
        for run in sorted(runs, key=lambda entry: int(entry["seed"])):
            if run.get("state") == FINISHED:
                yield run


def now() -> str:
    """The local time, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%S")
