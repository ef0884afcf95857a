"""What a run reported while it trained: the lines of its metrics.jsonl."""

import json
from pathlib import Path
from typing import Any

from seq2seq.folder.directory import RunDirectory


def reports_of(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a torn last one is left out."""
    path, reports = RunDirectory(run).metrics, []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                reports.append(json.loads(line))
            except ValueError:
                continue
    return reports
