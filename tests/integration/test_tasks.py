"""Each generated task is learned, and is not learned where the role that it is about is silenced."""

from pathlib import Path

import pytest

from seq2seq.attention.config import Role
from seq2seq.data.config import GeneratedTask
from tests.integration.tasks import build, corpus_of, learn, silence

NEEDS = {
    GeneratedTask.copy: Role.CROSS,
    GeneratedTask.reverse: Role.CROSS,
    GeneratedTask.pointer: Role.ENCODER,
    GeneratedTask.chain: Role.CAUSAL,
}


@pytest.mark.parametrize("task", list(NEEDS), ids=lambda task: task.value)
def test_a_task_is_learned(task: GeneratedTask, tmp_path: Path) -> None:
    corpus = corpus_of(task, tmp_path)
    assert learn(build(corpus), corpus, max_steps=3000) >= 0.99


@pytest.mark.parametrize("task", [task for task in NEEDS if task is not GeneratedTask.reverse], ids=lambda t: t.value)
def test_a_task_needs_its_role(task: GeneratedTask, tmp_path: Path) -> None:
    corpus = corpus_of(task, tmp_path)
    model = build(corpus)
    silence(model, NEEDS[task])
    assert learn(model, corpus, max_steps=1200, check_every=1200) < 0.5
