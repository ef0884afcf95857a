"""Target words that are left without a link: rather null, or without a word that is like them."""

import json
from pathlib import Path

import pytest

from seq2seq.alignment.choose import AlignmentCandidate
from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.bundle.model import load_model
from seq2seq.evaluation.alignment_records import alignment_record
from seq2seq.evaluation.candidates import candidate_links
from tests.results.bundles import make_run, sentences, train_tokenizers


@pytest.mark.parametrize("method", [LinkMethod.argmax, LinkMethod.chain])
def test_null_links_are_obeyed(tmp_path: Path, method: LinkMethod) -> None:
    model = load_model(make_run(tmp_path / "run", train_tokenizers(tmp_path)))
    sides = sentences(40, seed=5), sentences(40, seed=6)
    read = []
    for null_links in (False, True):
        model.alignment = AlignmentConfig(method=method, null_links=null_links)
        aligned = list(model.score(*sides, alignments=True))
        read.append(
            [
                json.loads(alignment_record(model.tokenizers.source, item.source, item))
                for item in aligned
            ]
        )
    kept = left_out = 0
    for all_links, links in zip(*read, strict=True):
        expected = [link for link in all_links["links"] if link[2] >= all_links["null"][link[1]]]
        assert links["links"] == expected
        assert links["null"] == all_links["null"]
        kept += len(expected)
        left_out += len(all_links["links"]) - len(expected)
    assert kept and left_out


def test_words_and_marks_are_never_linked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path, characters=", . ¿"))
    model = load_model(run)
    source = [f"{line} , ." for line in sentences(30, seed=5, longest=4)]
    target = [f"¿ {line} ." for line in sentences(30, seed=6, longest=4)]
    chosen = candidate_links(model.models[0], model.tokenizers, source, target, rows=(False,))
    number = chosen.candidates.index(AlignmentCandidate(1, (), False))
    aligned = model.score(source, target, alignments=True)
    for item, links in zip(aligned, chosen.links(number), strict=True):
        words = item.source.split(), item.text.split()
        assert item.alignment is not None
        assert item.alignment.links == links
        assert len(links) == len(words[1])
        assert all(words[0][i].isalnum() == words[1][j].isalnum() for i, j in links)
