"""The package ctranslate2, which is optional."""

from typing import Any

from seq2seq.errors import MissingDependencyError


def ctranslate2_package() -> Any:
    """The module ctranslate2, with its specifications.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import ctranslate2
        import ctranslate2.specs
    except ImportError as error:
        raise MissingDependencyError(
            "CTranslate2 is not installed; pip install ctranslate2, or choose decoding.engine=torch"
        ) from error
    return ctranslate2
