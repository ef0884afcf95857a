"""A foreign bundle is used up to its report: it leaks nothing and adds no markup."""

import logging
from pathlib import Path

import pytest

from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.folder.logs import configure_logging
from seq2seq.results.evaluate import evaluate_bundle
from seq2seq.results.report import report_run
from tests.results.bundles import make_run, train_tokenizers
from tests.security.hostile import READ_SECRET, SECRET, SECRET_NAME, with_config, with_manifest

MARKUP = f"</script><img src=x onerror=alert(1)>\x1b[2J\x1b]0;x\x07$\\frac{{{READ_SECRET}"


def test_names_and_sentences_stay_text_and_the_environment_stays_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SECRET_NAME, SECRET)
    text = Pairs([f"the dog {MARKUP}", "runs"], [MARKUP, "birds"])
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path), held_out=text)
    with_config(
        lambda options: (
            options.update(name=MARKUP),
            options["data"].update(source_language=MARKUP, target_language=READ_SECRET),
        )
    )(run)
    with_manifest(lambda facts: facts.update(checkpoints=[MARKUP]))(run)
    configure_logging(tmp_path / "log")
    try:
        evaluate_bundle(run, EvaluateConfig(run=str(run)))
        report_run(run, "test")
    finally:
        configure_logging()
        logging.getLogger("seq2seq").handlers.clear()
    streams = capfd.readouterr()
    assert "\x1b" not in streams.out + streams.err
    page = (run / "evaluation" / "test" / "report.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert page.count("</script>") == page.count("<script")
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in streams.out + streams.err
