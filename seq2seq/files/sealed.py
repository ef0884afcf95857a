"""JSON files that hold their own SHA-256, so that no bit of them can change unnoticed."""

import hashlib
import json
from collections.abc import Collection
from typing import Any

SEAL = "self_sha256"  # first entry: SHA-256 of the file with BLANK in its place
BLANK = "0" * 64


def sealed(content: dict[str, Any]) -> bytes:
    """A JSON object as the bytes of a file, with its hash among the entries."""
    text = json.dumps({SEAL: BLANK, **content}, indent=2, ensure_ascii=False) + "\n"
    return text.replace(BLANK, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def unsealed(data: bytes, *, unsealed_keys: Collection[str] = ()) -> dict[str, Any]:
    """The content that `sealed` was called with.

    Args:
        unsealed_keys: entries of files of version 0.1.0, which hold no hash; an object with no
            other entries is accepted without one.

    Raises:
        ValueError: the data are not what `sealed` returned.
    """
    try:
        content = json.loads(data.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("it must hold a JSON object")
    seal = content.pop(SEAL, None)
    if seal is None:
        if unknown := content.keys() - set(unsealed_keys):
            raise ValueError(f"it holds no {SEAL}, but {', '.join(sorted(unknown))}")
        return content
    blank = data.replace(str(seal).encode(), BLANK.encode(), 1)
    if hashlib.sha256(blank).hexdigest() != seal:
        raise ValueError(f"its SHA-256 is not its {SEAL}")
    return content
