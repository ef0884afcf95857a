"""The Python code of every page runs, in order, with tiny models."""

from pathlib import Path

import pytest

from tests.documentation.pages import PAGES, Block, blocks, name_of

EXAMPLES = {name_of(path): blocks(path, "python") for path in PAGES}


@pytest.mark.parametrize("page", [page for page, code in EXAMPLES.items() if code])
def test_code_runs(workspace: Path, page: str) -> None:
    names: dict[str, object] = {"__name__": "example"}
    for block in EXAMPLES[page]:
        run(block, names)


def run(block: Block, names: dict[str, object]) -> None:
    exec(compile(block.code, str(block), "exec"), names)


def test_there_is_code_to_run() -> None:
    assert sum(map(len, EXAMPLES.values())) >= 10
