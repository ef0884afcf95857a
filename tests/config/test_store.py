"""What Hydra would take without a word is refused."""

import pytest

from seq2seq.config.groups import groups_of
from seq2seq.config.overrides import ensure_no_edits
from seq2seq.errors import ConfigError

GROUPS = sorted({**groups_of("train"), **groups_of("evaluate")})


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_for_a_group(group: str) -> None:
    with pytest.raises(ConfigError, match=f"{group}: takes one option, not a list"):
        ensure_no_edits(["seed=1", f"{group}=[a,b]"])


def test_the_way_out_of_a_list_of_mechanisms_is_named() -> None:
    with pytest.raises(
        ConfigError, match="to mix mechanisms by layer use model.encoder.layer_attention"
    ):
        ensure_no_edits(["encoder_attention=[local,full]"])


@pytest.mark.parametrize("argument", ["+seed=1", "++seed=1", "~model", "+experiment=quick"])
def test_new_and_lost_keys(argument: str) -> None:
    with pytest.raises(ConfigError, match="cannot be added or removed, only set"):
        ensure_no_edits([argument])


def test_lists_as_values_are_fine() -> None:
    ensure_no_edits(
        ["model.encoder.layer_attention=[local,full]", "alignment.heads=[0,1]", "-m", "seed=1,2"]
    )
