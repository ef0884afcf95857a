"""Alignments of a run, of two files, and against gold, as commands."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import seq2seq
from seq2seq.alignment.config import MIN_LINK_PROBABILITY, LinkMethod
from seq2seq.alignment.joint import bidirectional_links, joint_weights
from seq2seq.alignment.lexicon import Lexicon
from seq2seq.alignment.links import format_links, parse_gold, parse_links, swap_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.attention.catalogue import LinformerConfig
from seq2seq.data.tokenizers import Tokenizers
from tests.cli.conftest import Command
from tests.packing import packed
from tests.results.bundles import make_run, sentences

Write = Callable[[str, str | bytes], Path]
SOURCES = [*sentences(10), "", "rain"]
TARGETS = [*sentences(10, seed=3), "dog", ""]


def lines(items: list[str]) -> str:
    return "".join(f"{item}\n" for item in items)


@pytest.fixture
def files(write: Write) -> tuple[Path, Path]:
    return write("s", lines(SOURCES)), write("t", lines(TARGETS))


@pytest.mark.parametrize("name", [[], ["text"]])
def test_links_of_given_translations(
    command: Command, run: Path, files: tuple[Path, Path], name: list[str]
) -> None:
    ended = command("align", *name, "--run", run, *files)
    assert ended.code == 0
    printed = ended.out.split("\n")
    expected = list(seq2seq.load(run).score(SOURCES, TARGETS, alignments=True))
    assert printed == [
        *(
            format_links(translation.alignment.links)
            for translation in expected
            if translation.alignment
        ),
        "",
    ]
    assert printed[-3:] == ["", "", ""], "an empty side has no links"
    for line, source, target in zip(printed[:10], SOURCES, TARGETS, strict=False):
        pairs = [tuple(map(int, link.split("-"))) for link in line.split()]
        assert {pair[1] for pair in pairs} <= set(range(len(target.split()))), (
            "argmax: no target word twice"
        )
        assert len(pairs) == len({pair[1] for pair in pairs}) > 0
        assert all(0 <= pair[0] < len(source.split()) for pair in pairs)


def test_options_are_obeyed(command: Command, run: Path, files: tuple[Path, Path]) -> None:
    model = seq2seq.load(run)
    config = model.alignment
    config.layer, config.heads, config.use_input_row = 0, [1], True
    config.method, config.threshold = LinkMethod.threshold, 0.1
    expected = [alignment.alignment for alignment in model.score(SOURCES, TARGETS, alignments=True)]
    arguments = [
        "--layer",
        0,
        "--heads",
        "1",
        "--use-input-row",
        "--method",
        "threshold",
        "--threshold",
        0.1,
    ]
    ended = command("align", *arguments, "--run", run, *files)
    assert ended.out.split("\n")[:-1] == [
        format_links(alignment.links) for alignment in expected if alignment
    ]
    changes: list[list[object]] = [
        [],
        ["--layer", 0],
        ["--heads", 0],
        ["--use-input-row"],
        ["--method", "mutual"],
        ["--method", "threshold"],
    ]
    outputs = [command("align", "--run", run, *change, *files).out for change in changes]
    assert len(set(outputs)) == len(changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layer", 9], "alignment.layer: the decoder has 2 layers"),
        (["--heads", "5"], "alignment.heads"),
        (["--heads", "one"], "alignment.heads[0]: Value 'one'"),
        (["--threshold", 0.3], "alignment.threshold: is set but not read; choose method=threshold"),
        (["--method", "threshold", "--threshold", 2], "alignment.threshold"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    command: Command, run: Path, files: tuple[Path, Path], arguments: list[object], message: str
) -> None:
    ended = command("align", "--run", run, *arguments, *files)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_model_without_weights_says_so(
    command: Command, tokenizers: Tokenizers, files: tuple[Path, Path], tmp_path: Path
) -> None:
    ended = command(
        "align", "--run", make_run(tmp_path / "run", tokenizers, cross=LinformerConfig()), *files
    )
    assert (ended.code, ended.out) == (2, "")
    assert "linformer" in ended.err


@pytest.fixture(scope="module")
def reverse(tmp_path_factory: pytest.TempPathFactory, tokenizers: Tokenizers) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "reverse"
    return make_run(folder, tokenizers, seed=3, source_language="yy", target_language="xx")


def test_formats_hold_the_same_links(command: Command, run: Path, files: tuple[Path, Path]) -> None:
    outputs = {
        name: command("align", "--run", run, *files, "--format", name).out.split("\n")[:-1]
        for name in ("pharaoh", "talp", "jsonl")
    }
    assert outputs["pharaoh"] == command("align", "--run", run, *files).out.split("\n")[:-1]
    for pharaoh, talp, record in zip(*outputs.values(), strict=True):
        links = parse_links(pharaoh)
        assert parse_gold(talp, first_index=1).sure == links
        assert {(source, target) for source, target, _ in json.loads(record)["links"]} == links


def test_choose_gives_options_that_align_text_takes(
    command: Command, run: Path, reverse: Path, files: tuple[Path, Path]
) -> None:
    ended = command("align", "choose", "--run", run, "--reverse", reverse, *files)
    assert ended.code == 0, ended.err
    choice = json.loads(ended.out)
    assert choice["criterion"] == "agreement"
    assert [chosen_run["run"] for chosen_run in choice["runs"]] == [str(run), str(reverse)]
    for chosen_run in choice["runs"]:
        assert len(chosen_run["candidates"]) == 2 * 3 * 2 * 2
        assert chosen_run["candidates"][0]["agreement"] == pytest.approx(
            chosen_run["agreement"], abs=1e-6
        )
    lines = [line.split() for line in ended.err.split("\n") if line.startswith("  --layer")]
    links = []
    for folder, options, sides in zip((run, reverse), lines, (files, files[::-1]), strict=True):
        aligned = command("align", "--run", folder, *options, *sides)
        assert aligned.code == 0, aligned.err
        links.append([parse_links(line) for line in aligned.out.split("\n")[:-1]])
    common = sum(
        len(forward & swap_links(backward)) for forward, backward in zip(*links, strict=True)
    )
    words = sum(len(line.split()) for line in (*SOURCES, *TARGETS))
    assert choice["runs"][0]["agreement"] == pytest.approx(2 * common / words)
    chosen = choice["runs"][0]
    heads = ",".join(map(str, chosen["heads"]))
    use_input_row = str(chosen["use_input_row"]).lower()
    options = f"alignment.layer={chosen['layer']} alignment.heads=[{heads}] "
    assert f"{options}alignment.use_input_row={use_input_row}" in ended.err


@pytest.mark.parametrize("method", [None, SymmetrizeMethod.union])
@pytest.mark.parametrize("with_lexicon", [False, True])
@pytest.mark.parametrize("threshold", [None, 0.0])
def test_two_runs_together(
    command: Command,
    run: Path,
    reverse: Path,
    files: tuple[Path, Path],
    method: SymmetrizeMethod | None,
    with_lexicon: bool,
    threshold: float | None,
) -> None:
    arguments: list[str | float] = [] if method is None else ["--method", method.value]
    arguments += [] if threshold is None else ["--threshold", threshold]
    arguments += ["--lexicon"] if with_lexicon else []
    ended = command(
        "align", "bidirectional", "--run", run, "--reverse", reverse, *arguments, *files
    )
    assert ended.code == 0, ended.err
    there = seq2seq.load(run).score(SOURCES, TARGETS, alignments=True)
    back = seq2seq.load(reverse).score(TARGETS, SOURCES, alignments=True)
    products = [
        joint_weights(forward.alignment.word_weights, backward.alignment.word_weights)
        for forward, backward in zip(there, back, strict=True)
        if forward.alignment and backward.alignment
    ]
    sides = [[line.split() for line in side] for side in (SOURCES, TARGETS)]
    lexicon = Lexicon.learn(products, *sides, progress=lambda count: None)
    expected = [
        symmetrize(
            *bidirectional_links(
                product,
                lexicon.association(source, target) if with_lexicon else None,
                threshold=MIN_LINK_PROBABILITY if threshold is None else threshold,
            ),
            method or SymmetrizeMethod.grow_diag,
        )
        for product, source, target in zip(products, *sides, strict=True)
    ]
    assert [parse_links(line) for line in ended.out.split("\n")[:-1]] == expected
    assert threshold is None or sum(map(len, expected)) > 20


def test_two_runs_of_one_direction_are_refused(
    command: Command, run: Path, files: tuple[Path, Path]
) -> None:
    ended = command("align", "bidirectional", "--run", run, "--reverse", run, *files)
    assert (ended.code, ended.out) == (2, "")
    assert "must translate yy to xx, the other way than" in ended.err


def test_one_run_of_both_directions_aligns_as_two_with_its_weights(
    command: Command, tokenizers: Tokenizers, files: tuple[Path, Path], tmp_path: Path
) -> None:
    both = make_run(tmp_path / "both", tokenizers, seed=3, both_directions=1.0)
    languages = {"source_language": "yy", "target_language": "xx"}
    back = make_run(tmp_path / "back", tokenizers, seed=3, **languages)
    one = command("align", "both", "--run", both, *files)
    two = command("align", "both", "--run", both, "--reverse", back, *files)
    assert (one.code, one.out) == (0, two.out)
    there = command("align", "both", "--run", back, "--reverse", both, *files)
    assert there.code == 0, "the other direction of a run of both"
    swapped = command("align", "both", "--run", both, *reversed(files))
    assert one.out != swapped.out != ""


def test_marks_of_the_direction_are_read_in_the_other_direction_alone(
    command: Command, tokenizers: Tokenizers, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """A marked run and one without marks, both with the weights of `back` and `run`."""
    marks, plain = (
        make_run(tmp_path / f"{mark}", tokenizers, seed=3, both_directions=1.0, mark_direction=mark)
        for mark in (True, False)
    )
    there, back = (command("align", "--run", marks, *sides).out for sides in (files, files[::-1]))
    assert there == command("align", "--run", plain, *files).out
    one, unmarked = (command("align", "both", "--run", run, *files) for run in (marks, plain))
    assert (one.code, one.err) == (0, unmarked.err)
    assert one.out != unmarked.out
    languages = {"source_language": "yy", "target_language": "xx"}
    other = make_run(tmp_path / "back", tokenizers, seed=3, **languages)
    assert command("align", "both", "--run", marks, "--reverse", other, *files).out == unmarked.out
    assert back == command("align", "--run", plain, *files[::-1]).out


def test_one_run_of_one_direction_needs_another(
    command: Command, run: Path, files: tuple[Path, Path]
) -> None:
    ended = command("align", "bidirectional", "--run", run, *files)
    assert (ended.code, ended.out) == (2, "")
    assert f"--reverse: must be given, since {run} was trained on one direction" in ended.err


def test_choose_by_gold(
    command: Command, run: Path, files: tuple[Path, Path], write: Write
) -> None:
    gold = command("align", "--run", run, "--layer", 0, "--heads", 1, "--use-input-row", *files).out
    one_based = "\n".join(
        " ".join(f"{source + 1}-{target + 1}" for source, target in parse_links(line))
        for line in gold.split("\n")
    )
    ended = command(
        "align",
        "choose",
        "--run",
        run,
        "--gold",
        write("g", one_based),
        "--gold-index-base",
        1,
        *files,
    )
    assert ended.code == 0, ended.err
    (choice,) = json.loads(ended.out)["runs"]
    assert (choice["layer"], choice["heads"], choice["use_input_row"], choice["aer"]) == (
        0,
        [1],
        True,
        0,
    )
    assert "--layer 0 --heads 1 --use-input-row" in ended.err


def test_choose_refuses_what_contradicts(
    command: Command, run: Path, files: tuple[Path, Path], write: Write
) -> None:
    gold = write("g", "0-0\n")
    for arguments, message in (
        ([], "--reverse, --gold: one is needed"),
        (["--reverse", run, files[0]], "SOURCE, TARGET: give both"),
        (["--gold", gold, "--gold-index-base", 0], "--gold: needs the SOURCE and TARGET"),
        (["--gold", gold, *files], "--gold, --gold-index-base: give both"),
        (["--reverse", run, *files], "must translate yy to xx"),
    ):
        ended = command("align", "choose", "--run", run, *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert message in ended.err


def test_statistical_needs_no_run(command: Command, write: Write) -> None:
    text = lines(["red cat", "red dog", "old cat", "old dog", ""] * 4)
    ended = command("align", "statistical", write("s", text), write("t", text.upper()))
    assert (ended.code, ended.out) == (0, "0-0 1-1\n0-0 1-1\n0-0 1-1\n0-0 1-1\n\n" * 4)
    ended = command("align", "statistical", write("s", text), write("t", "CAT\n"))
    assert (ended.code, ended.out) == (1, "")
    assert "must have the same number of lines" in ended.err


FORWARD = "0-0 1-1 2-1\n\n0-1\n"
REVERSE = "0-0 1-1 1-3\n\n0-0\n"  # target-source


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (SymmetrizeMethod.intersection, "0-0 1-1\n\n\n"),
        (SymmetrizeMethod.union, "0-0 1-1 2-1 3-1\n\n0-0 0-1\n"),
        (SymmetrizeMethod.grow_diag, "0-0 1-1 2-1 3-1\n\n\n"),
        (SymmetrizeMethod.grow_diag_strict, "0-0 1-1\n\n\n"),
        (SymmetrizeMethod.grow_diag_final_and, "0-0 1-1 2-1 3-1\n\n0-1\n"),
    ],
)
def test_symmetrize(
    command: Command, write: Write, method: SymmetrizeMethod, expected: str
) -> None:
    ended = command(
        "align", "symmetrize", write("f", FORWARD), write("r", REVERSE), "--method", method.value
    )
    assert (ended.code, ended.out) == (0, expected)


def test_symmetrize_refuses_files_that_do_not_belong_together(
    command: Command, write: Write
) -> None:
    ended = command(
        "align", "symmetrize", write("f", FORWARD), write("r", "0-0\n"), "--method", "union"
    )
    assert (ended.code, ended.out) == (1, "")
    assert "has 3 lines and" in ended.err
    assert command("align", "symmetrize", write("f", FORWARD), write("r", REVERSE)).code == 2
    ended = command(
        "align", "symmetrize", write("f", "0-0\n1:1\n"), write("r", "\n\n"), "--method", "union"
    )
    assert ended.code == 1
    assert "f:2: '1:1' is not a link" in ended.err


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("swap", [False, True])
def test_score(command: Command, write: Write, base: int, swap: bool) -> None:
    links = [(0, 0), (1, 2), (2, 1)]
    text = " ".join(f"{j}-{i}" if swap else f"{i}-{j}" for i, j in links)
    gold = " ".join(
        f"{i + base}{kind}{j + base}" for i, j, kind in [(0, 0, "-"), (1, 2, "p"), (3, 3, "-")]
    )
    arguments = [
        "--gold",
        write("gold", gold + "\n"),
        "--gold-index-base",
        base,
        *(["--swap"] if swap else []),
    ]
    ended = command("align", "score", write("links", text + "\n"), *arguments)
    assert ended.code == 0
    assert json.loads(ended.out) == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(1 / 2),
        "f1": pytest.approx(4 / 7),
        "aer": pytest.approx(1 - 3 / 5),
        "counts": {
            "sentences": 1,
            "links": 3,
            "sure": 2,
            "possible": 3,
            "matched_sure": 1,
            "matched_possible": 2,
        },
    }


def test_score_insists_on_the_index_base(command: Command, write: Write) -> None:
    links, gold = write("links", "0-0\n"), write("gold", "0-0\n")
    assert command("align", "score", links, "--gold", gold).code == 2
    assert command("align", "score", links, "--gold", gold, "--gold-index-base", 2).code == 2
    ended = command("align", "score", links, "--gold", gold, "--gold-index-base", 1)
    assert ended.code == 1
    assert "names word 0" in ended.err


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("typed", [False, True])
def test_score_reads_links_as_all_text_is_read(
    command: Command, write: Write, ending: str, typed: bool
) -> None:
    """Packed or not, with a byte order mark, from files or standard input."""
    links = packed(b"\xef\xbb\xbf0-0 1-1\n\n0-1\n", ending)
    gold = packed(b"\xef\xbb\xbf0001 1 1\n1 2 2 P\n3 1 2 S 0.5\n", ending)  # as in NAACL 2003
    arguments = ["--gold", write("gold", gold), "--gold-index-base", 1]
    ended = command("align", "score", "-" if typed else write("l", links), *arguments, stdin=links)
    assert ended.code == 0, ended.err
    score = json.loads(ended.out)
    assert (score["aer"], score["counts"]["sentences"], score["counts"]["sure"]) == (0, 3, 2)


@pytest.mark.parametrize(
    ("links", "gold", "says"),
    [
        ("0-0\n\n", "1 1 1 S\n0 1 1 S\n", "gold:2: '0 1 1 S' is not a link such as the first"),
        (f"0-0\n{'1' * 5000}-1\n", "1-1\n", "links:2: '1111"),
        ("0-0\n".encode("utf-16"), "1-1\n", "links:1: is UTF-16, not UTF-8"),
    ],
)
def test_score_names_the_line_of_what_it_cannot_read(
    command: Command, write: Write, links: str | bytes, gold: str, says: str
) -> None:
    ended = command(
        *("align", "score", write("links", links), "--gold", write("gold", gold)),
        *("--gold-index-base", 1),
    )
    assert ended.code == 1
    assert says in ended.err
    assert len(ended.err) < 500
