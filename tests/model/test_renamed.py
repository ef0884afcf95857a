"""State dicts of version 0.1.0 load under the present names."""

from dataclasses import replace

import pytest
import torch

from seq2seq.model.config import TiedEmbeddings
from seq2seq.model.renamed import with_present_names
from seq2seq.position.config import LearnedConfig
from tests.model.test_transformer import SMALL, build

OLD = {"frontend.embedding.": "encoder.embedding."}


def name_in_0_1_0(name: str) -> str:
    for new, old in OLD.items():
        name = old + name.removeprefix(new) if name.startswith(new) else name
    return name


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("tied", list(TiedEmbeddings))
def test_a_state_of_0_1_0_loads(tied: TiedEmbeddings, prefix: str) -> None:
    model = build(replace(SMALL, tied_embeddings=tied, position=LearnedConfig()))
    state = model.state_dict()
    old = {prefix + name_in_0_1_0(name): tensor for name, tensor in state.items()}
    assert prefix + "encoder.embedding.table.weight" in old
    assert prefix + "encoder.embedding.position.table.weight" in old
    mapped = with_present_names(old, prefix=prefix)
    assert list(mapped) == [prefix + name for name in state]
    assert all(torch.equal(mapped[prefix + name], state[name]) for name in state)
    assert with_present_names(mapped, prefix=prefix) == mapped
