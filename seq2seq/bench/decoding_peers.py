"""The rivals of the benchmark of decoding, and the settings that each is tried with."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seq2seq.bench.peers.catalogue import FOLDER, ensure_installed, python_of
from seq2seq.bench.workload import Workload, write_rows
from seq2seq.bundle.files import Bundle
from seq2seq.decoding.config import LengthPenalty
from seq2seq.errors import ConfigError, choices

OWN_COMMAND = ("-m", "seq2seq.bench.decode_own")
BATCH_SIZES = (32, 128)  # sentences, that peers are tried with
EXPORT_FOLDER = "ctranslate2"  # in a run's folder, of `seq2seq export ctranslate2`


@dataclass(frozen=True)
class DecodingPeer:
    """A rival in decoding.

    Attributes:
        command: program and arguments, before the request and the time of the start.
        folder: that it reads in place of the run.
        note: whose weights it decodes with, and what else is not as with ours.
        tried: settings of which the fastest is measured.
        facts: settings that stay the same.
        is_own: it is this package, whose settings are options of decoding.
    """

    name: str
    command: Sequence[str]
    folder: Path
    note: str
    tried: Sequence[dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)
    is_own: bool = False


@dataclass(frozen=True)
class PeerContext:
    """What peers are made for.

    Attributes:
        export: folder for CTranslate2; None for that in the run's folder.
        environments: folder of the environments of peers.
        folder: for files that they read.
        lines: to translate.
    """

    run: Path
    export: Path | None
    environments: Path
    folder: Path
    lines: list[str]
    threads: int


def ctranslate2_peer(context: PeerContext, bundle: Bundle) -> DecodingPeer:
    """CTranslate2 (Klein et al. 2020, section 4, arXiv:2010.13047) with the same weights.

    Raises:
        ConfigError: the run was not exported for it.
    """
    export = (context.export or context.run / EXPORT_FOLDER).absolute()
    if not (export / "model.bin").is_file():
        raise ConfigError(
            f"--export: {export} must hold the run for CTranslate2, and does not; write it with: "
            f"seq2seq export ctranslate2 {context.run}"
        )
    decoding, average = bundle.config.decoding, LengthPenalty.average
    facts = {
        "longest": bundle.config.model.max_target_length - 1,
        "ratio": decoding.max_length_ratio,
        "offset": decoding.max_length_offset,
        "alpha": decoding.alpha if decoding.length_penalty is average else 0.0,
        "banned": ["<pad>", "<s>"] if decoding.allow_unknown else ["<pad>", "<s>", "<unk>"],
    }
    return DecodingPeer(
        "ctranslate2",
        [*isolated("ctranslate2", context), str(FOLDER / "ctranslate2_decode.py")],
        export,
        "the weights and SentencePiece models of the run, in float32",
        [
            {"inter_threads": inter, "intra_threads": intra, "batch_size": size}
            for inter, intra in spreads(context.threads)
            for size in BATCH_SIZES
        ],
        facts,
    )


def engine_peer(context: PeerContext, bundle: Bundle) -> DecodingPeer:
    """This package with decoding.engine=ctranslate2."""
    return DecodingPeer(
        "engine",
        [sys.executable, *OWN_COMMAND],
        context.run.absolute(),
        "this package with decoding.engine=ctranslate2",
        [
            {"engine": "ctranslate2", "inter_threads": inter, "intra_threads": intra}
            for inter, intra in spreads(context.threads)
        ],
        is_own=True,
    )


def spreads(threads: int) -> list[tuple[int, int]]:
    """Ways to use threads: for batches side by side, or all for one batch."""
    return list(dict.fromkeys([(threads, 1), (1, threads)]))


def transformers_peer(context: PeerContext, bundle: Bundle) -> DecodingPeer:
    """MarianMT (Junczys-Dowmunt et al. 2018, arXiv:1804.00344) of the transformers library."""
    ids = bundle.tokenizers.source.encode_column(context.lines)
    write_rows(context.folder / "lines", [ids.row(n).tolist() for n in range(len(ids))])
    facts = {"sizes": asdict(sizes_of(context, bundle)), "ids": str(context.folder / "lines.ids")}
    return DecodingPeer(
        "transformers",
        [*isolated("marian", context), str(FOLDER / "marian_decode.py")],
        context.folder,
        "MarianMT of the same sizes with random weights, as it normalises behind each sub-layer; "
        "made to decode to the lengths of our translations, from ids and to ids",
        [{"batch_size": size} for size in BATCH_SIZES],
        facts,
    )


def joeynmt_peer(context: PeerContext, bundle: Bundle) -> DecodingPeer:
    """JoeyNMT (Kreutzer et al. 2019, arXiv:1907.12484) with the same weights.

    Raises:
        ConfigError: it has no such model.
    """
    from seq2seq.bench.joeynmt_model import write_joeynmt_model

    command = [*isolated("joeynmt", context), str(FOLDER / "joeynmt_decode.py")]
    folder = context.folder / "joeynmt"
    write_joeynmt_model(bundle, sizes_of(context, bundle), folder)
    decoding = bundle.config.decoding
    facts = {
        "longest": bundle.config.model.max_target_length - 1,
        "ratio": decoding.max_length_ratio,
        "offset": decoding.max_length_offset,
        "alpha": decoding.alpha,
    }
    return DecodingPeer(
        "joeynmt",
        command,
        folder,
        "the weights and the SentencePiece model of the run; its length penalty is that of Wu et "
        "al. 2016",
        [{"batch_size": size} for size in BATCH_SIZES],
        facts,
    )


def sizes_of(context: PeerContext, bundle: Bundle) -> Workload:
    """The sizes of the model, without a corpus."""
    return Workload.of(
        bundle.config,
        context.folder,
        vocab_size=bundle.tokenizers.target.vocab_size,
        warmup=0,
        steps=0,
        threads=context.threads,
    )


def isolated(environment: str, context: PeerContext) -> list[str]:
    """The interpreter of an environment, without this package on its path.

    Raises:
        MissingDependencyError: it is not installed.
    """
    ensure_installed(environment, environment, context.environments)
    return [python_of(environment, context.environments), "-I"]


DECODING_PEERS: dict[str, Callable[[PeerContext, Bundle], DecodingPeer]] = {
    "ctranslate2": ctranslate2_peer,
    "engine": engine_peer,
    "transformers": transformers_peer,
    "joeynmt": joeynmt_peer,
}


def decoding_peers(
    names: Sequence[str], context: PeerContext, bundle: Bundle
) -> list[DecodingPeer]:
    """The peers of these names, each once.

    Raises:
        ConfigError: there is no such peer, or one has nothing to read.
        MissingDependencyError: one is not installed.
    """
    if unknown := [name for name in names if name not in DECODING_PEERS]:
        raise ConfigError(
            f"--peer: {unknown[0]!r} is unknown; {choices(unknown[0], list(DECODING_PEERS))}"
        )
    return [DECODING_PEERS[name](context, bundle) for name in dict.fromkeys(names)]


def with_settings(peer: DecodingPeer, settings: dict[str, Any]) -> DecodingPeer:
    """A peer that is tried with these settings only."""
    return replace(peer, tried=[settings])
