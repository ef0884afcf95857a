"""The bugs that `scripts/planted_bugs.py` plants can be planted in the sources as they are."""

from tests.scripts.loading import SCRIPTS, imported_script


def test_every_edit_is_of_a_text_that_occurs_once() -> None:
    with imported_script("planted_bugs") as script:
        counts = {
            (bug.name, old): (SCRIPTS.parent / bug.file).read_text(encoding="utf-8").count(old)
            for bug in script.BUGS
            for old, _ in bug.edits
        }
    assert {edit: count for edit, count in counts.items() if count != 1} == {}
