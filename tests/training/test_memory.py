"""Running out of memory is one message with the shape of the batch and what to change."""

import pytest
import torch

from seq2seq.data.prepare import PreparedCorpus
from seq2seq.errors import UserError
from seq2seq.training.memory import explaining_memory
from seq2seq.training.module import TranslationModule
from tests.training.tiny import fit, tiny_batch, tiny_corpus, tiny_model, tiny_module

ERRORS = {
    "on a GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "of Python": MemoryError(),
    "on a CPU": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "on a Mac": RuntimeError("MPS backend out of memory (MPS allocated: 17.65 GB)"),
}
SHAPE = (
    r"out of memory with a batch of 2 sentence pairs of up to 6 source and 5 target tokens; less"
)


@pytest.mark.parametrize("where", ERRORS)
def test_the_message_names_shape_and_remedy(where: str) -> None:
    with pytest.raises(UserError, match=SHAPE), explaining_memory(tiny_batch([1, 2]), "less"):
        raise ERRORS[where]


def test_this_machine_says_so_in_the_same_words() -> None:
    with pytest.raises(UserError, match=SHAPE), explaining_memory(tiny_batch([1, 2]), "less"):
        torch.empty(2**60)


def test_other_errors_are_left_alone() -> None:
    with (
        pytest.raises(RuntimeError, match="shapes cannot be multiplied"),
        explaining_memory(tiny_batch([1]), "less"),
    ):
        torch.ones(2, 3) @ torch.ones(2, 3)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"))


def test_training_explains_it(corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def loss(module: TranslationModule, batch: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(TranslationModule, "loss", loss)
    module = tiny_module(tiny_model(vocab_size=corpus.tokenizers.target.vocab_size))
    with pytest.raises(UserError, match=r"lower data.batch.max_tokens, and raise"):
        fit(module, corpus, max_steps=1, max_tokens=64)
