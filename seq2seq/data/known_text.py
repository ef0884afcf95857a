"""Text that earlier processes read to its end without a fault, so that it need not be read again.

Beside the prepared corpora a file lists what was read: path, size, times and number of each file,
and its SHA-256. A file that was written to since has another time of change, which programs cannot
set. A file that was written to just before it was read is not listed: a further change within the
resolution of the clock would not show.
"""

import contextlib
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seq2seq.bounded import read_bounded
from seq2seq.data.storage import is_hashed, recall_sha256, remembered_sha256, version_of
from seq2seq.files import atomic_write, sealed, unsealed

LIST = "read_text.json"  # in the folder of the cache
MAX_BYTES = 1 << 22  # of the list
MAX_FILES = 1000  # that are listed, and corpora
SETTLED = 2.0  # seconds after which a change of a file has another time


def recall(cache: Path) -> None:
    """Take over the hashes of files, which count as long as these are unchanged."""
    for version, sha256 in read_list(cache)["files"]:
        recall_sha256(tuple(version), sha256)


def was_read(cache: Path, identity: str) -> bool:
    """Whether a corpus was read before."""
    return key_of(identity) in read_list(cache)["corpora"]


def remember(cache: Path, paths: Sequence[Path], identity: str) -> None:
    """List a corpus whose files this process knows to be without fault.

    Args:
        identity: of the corpus, see `CorpusReader`.
    """
    if not paths or not all(map(is_hashed, paths)):
        return
    files = [[list(version_of(path)), remembered_sha256(path)] for path in paths]
    settled = time.time() - SETTLED
    if any(path.stat().st_ctime > settled for path in paths):
        return
    content = read_list(cache)
    if key_of(identity) in content["corpora"] and all(x in content["files"] for x in files):
        return
    others = [entry for entry in content["files"] if entry not in files]
    corpora = [key for key in content["corpora"] if key != key_of(identity)]
    new = {
        "files": [*others, *files][-MAX_FILES:],
        "corpora": [*corpora, key_of(identity)][-MAX_FILES:],
    }
    with contextlib.suppress(OSError):  # a cache that is only read
        atomic_write(cache / LIST, sealed(new))


def key_of(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()


def read_list(cache: Path) -> dict[str, Any]:
    """What `remember` wrote; nothing is listed where that is missing or damaged."""
    try:
        return unsealed(read_bounded(cache / LIST, MAX_BYTES))
    except (OSError, ValueError):
        return {"files": [], "corpora": []}
