"""Differential attention halves its heads."""

import pytest

from seq2seq.attention.config import Role
from seq2seq.attention.softmaxes import DifferentialConfig
from seq2seq.errors import ConfigError
from tests.attention.cores import core_of


def test_a_head_that_has_no_halves_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"differential: halves heads.* even, not 7; choose"):
        core_of(DifferentialConfig(), Role.ENCODER, head_dim=7)
