"""Corpora, links and features that cannot be trained on."""

from pathlib import Path

from tests.bad_inputs.case import FILES, TEXT, Case, training
from tests.packing import packed

MAKES_GZIP = packed(TEXT, ".gz")


def corpus(name: str, content: bytes, *says: str, file: str = "s") -> Case:
    """A corpus whose source side, or another file, has a content."""
    return Case(
        name,
        training(FILES.replace("source=s ", f"source={file} ")),
        says or (f"{file}:",),
        {file: content},
        writes=True,
    )


def table(name: str, file: str, content: bytes, *says: str, overrides: str = "") -> Case:
    """A corpus in one file with both sides."""
    arguments = f"data=files data.train.path={file} data.tokenizer.vocab_size=60 {overrides}"
    return Case(name, training(arguments), says, {file: content}, writes=True)


def links(name: str, content: bytes, *says: str) -> Case:
    overrides = f"{FILES} data.train.links=links alignment_supervision=links"
    overrides = overrides.replace("=60", "=28")
    return Case(name, training(overrides), says, {"links": content}, writes=True)


def features(name: str, content: bytes, *says: str) -> Case:
    overrides = f"{FILES} data.source_kind=features model.tied_embeddings=target"
    files = {"s": b"a.npy\n" * 64, "a.npy": content}
    return Case(name, training(overrides), says, files, writes=True)


def broken_link(folder: Path) -> None:
    (folder / "s").unlink()
    (folder / "s").symlink_to("nowhere")


def folder_in_its_place(folder: Path) -> None:
    (folder / "s").unlink()
    (folder / "s").mkdir()


def without_source(folder: Path) -> None:
    (folder / "s").unlink()


LINES = TEXT.splitlines(keepends=True)
LONG_NAME = "s" * 300

CASES = [
    Case("a missing file", training(FILES), ("data.train.source", "s"), prepare=without_source),
    Case("a link to nothing", training(FILES), ("data.train.source", "s"), prepare=broken_link),
    Case(
        "a folder as a file",
        training(FILES),
        ("s",),
        prepare=folder_in_its_place,
        writes=True,
    ),
    Case("a name that is too long", training(FILES.replace("=s ", f"={LONG_NAME} ")), ("sss",)),
    Case("one side", training("data=files data.train.source=s"), ("data.train.target",)),
    Case("no side", training("data=files"), ("data.train",)),
    Case(
        "two ways to name a corpus",
        training(f"{FILES} data.train.path=both.tsv"),
        ("data.train",),
        {"both.tsv": b"a\tb\n"},
    ),
    corpus("an empty file", b"", "s"),
    corpus("blank lines only", b"\n" * 64, "s"),
    corpus("one line less", b"".join(LINES[:-1]), "63", "64"),
    corpus("one line more", TEXT + b"a\n", "65", "64"),
    corpus("a stray carriage return", TEXT.replace(b"b e", b"b\re", 1), "s:17"),
    corpus("invalid UTF-8", b"a\n\xff\xfe\n" + b"".join(LINES[2:]), "s:2", "UTF-8"),
    corpus("UTF-16", TEXT.decode().encode("utf-16"), "s:1"),
    corpus("Latin-1", TEXT.replace(b"b e", b"b\xe4e", 1), "s:17"),
    corpus("text called gzip", TEXT, "s.gz", file="s.gz"),
    corpus("text called xz", TEXT, "s.xz", file="s.xz"),
    corpus("text called Zstandard", TEXT, "s.zst", file="s.zst"),
    corpus("text called bzip2", TEXT, "s.bz2", file="s.bz2"),
    corpus("a truncated gzip file", MAKES_GZIP[:-9], "s.gz", file="s.gz"),
    corpus("a truncated xz file", packed(TEXT, ".xz")[:-9], "s.xz", file="s.xz"),
    corpus("a damaged gzip file", MAKES_GZIP[:40] + b"x" + MAKES_GZIP[41:], "s.gz", file="s.gz"),
    table("a table of an unknown kind", "both.csv", b"a,b\n", "data.train.path", "both.csv"),
    table("a table with one column", "both.tsv", b"a\tb\na\n", "both.tsv:2"),
    table(
        "a column that is not there",
        "both.tsv",
        b"a\tb\n" * 64,
        "both.tsv",
        overrides="data.target_column=9 data.source_column=1",
    ),
    table(
        "a line that is no JSON",
        "both.jsonl",
        b'{"source": "a", "target": "b"}\n{\n',
        "both.jsonl:2",
    ),
    table(
        "a key that is not there", "both.jsonl", b'{"source": "a"}\n' * 64, "both.jsonl:1", "target"
    ),
    table("a list of JSON", "both.jsonl", b"[]\n" * 64, "both.jsonl:1"),
    table(
        "a number for text", "both.jsonl", b'{"source": 1, "target": "b"}\n' * 64, "both.jsonl:1"
    ),
    table(
        "half a surrogate pair",
        "both.jsonl",
        b'{"source": "a", "target": "b"}\n{"source": "\\ud800", "target": "b"}\n' * 32,
        "both.jsonl:2",
    ),
    table("JSON that is deeply nested", "both.jsonl", b"[" * 100_000 + b"\n", "both.jsonl:1"),
    table("a file that is no Parquet", "both.parquet", TEXT, "both.parquet"),
    Case(
        "a vocabulary larger than the text allows",
        training(FILES.replace("=60", "=4000")),
        ("data.tokenizer.vocab_size", "choose at most"),
        writes=True,
    ),
    Case(
        "filters that leave nothing",
        training(f"{FILES} data.filters.min_length=50".replace("=60", "=20")),
        ("data.filters",),
        writes=True,
    ),
    Case(
        "a tokenizer that is none",
        training(
            "data=files data.train.source=s data.train.target=t data.tokenizer.source_model=m "
            "data.tokenizer.target_model=m"
        ),
        ("m",),
        {"m": b"no model"},
        writes=True,
    ),
    Case(
        "a validation file with fewer lines",
        training(f"{FILES} data.validation.source=s data.validation.target=v"),
        ("v", "64"),
        {"v": b"a\n"},
        writes=True,
    ),
    links("links for fewer lines", b"0-0\n", "links"),
    links("links that are none", b"0-0\n0:0\n" * 32, "links:2"),
    links("links beyond the words", b"0-0\n9-9\n" * 32, "links:2"),
    features("a file of features that is none", b"no array", "a.npy"),
    Case(
        "features that are not there",
        training(f"{FILES} data.source_kind=features model.tied_embeddings=target"),
        ("s:1",),
        {"s": b"a.npy\n" * 64},
        writes=True,
    ),
    Case("no dataset", training("data=hub"), ("data.path",)),
    Case(
        "a folder without the corpus",
        training("data=multi30k_en_de data.root=."),
        ("train",),
        writes=True,
    ),
    Case(
        "languages of another corpus",
        training("data.source_language=fr"),
        ("data.source_language",),
    ),
    Case(
        "a cache that is a file",
        training(FILES).replace("data.cache_dir=../out/cache", "data.cache_dir=s"),
        ("s",),
        writes=True,
    ),
    Case(
        "an address that nobody answers",
        training("data=multi30k_en_de"),
        ("data.root",),
        writes=True,
    ),
]
