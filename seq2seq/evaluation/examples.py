"""Translations shown beside their references, for a person to judge."""

import logging
from collections.abc import Sequence
from typing import Any

logger = logging.getLogger(__name__)

NUM_EXAMPLES = 5


def log_examples(
    sources: Sequence[Any], translations: Sequence[str], references: Sequence[str]
) -> None:
    """Log a few translations, evenly spread over the sentences."""
    count = min(NUM_EXAMPLES, len(translations))
    for number in range(count):
        line = (2 * number + 1) * len(translations) // (2 * count)
        log_example(f"line {line + 1:,}", sources[line], translations[line], references[line])


def log_example(title: str, source: Any, translation: str, reference: str) -> None:
    """Log one translation.

    Args:
        source: an item of any kind of source; its line of text is shown.
    """
    logger.info(
        "%s\n  source       %s\n  translation  %s\n  reference    %s",
        title,
        source,
        translation,
        reference,
    )


def typical(references: Sequence[str]) -> int:
    """The index of a sentence of median length."""
    by_length = sorted(range(len(references)), key=lambda line: len(references[line]))
    return by_length[len(by_length) // 2]
