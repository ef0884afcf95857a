"""`seq2seq bench decode`: sentences a second of a run beside peers with the same weights."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.bench.contest import DEFAULT_ROUNDS
from seq2seq.cli.command import config_options, overrides_of
from seq2seq.cli.contest import PeersFolder, Rounds, ensure_json, show_contest
from seq2seq.decoding.config import DecodingConfig

MEASURED = ("beam_size", "n_best")  # options that the benchmark sets
SEARCH_OPTIONS = config_options(
    "decoding",
    DecodingConfig,
    *(item.name for item in fields(DecodingConfig) if item.name not in MEASURED),
)


def bench_decode(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run's folder, or a bundle.", show_default=False)],
    source: Annotated[
        Path | None,
        typer.Option(help="Lines to translate; without it the test split.", show_default=False),
    ] = None,
    beam_size: Annotated[
        list[int] | None,
        typer.Option(help="1 for greedy; may be repeated. Without it 5 and 1.", show_default=False),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of each contestant; by default all cores.")
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure a rival as well: ctranslate2, engine, transformers. May be repeated.",
            show_default=False,
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="The run for CTranslate2; by default RUN/ctranslate2."),
    ] = None,
    peers: PeersFolder = Path(".peers"),
    rounds: Rounds = DEFAULT_ROUNDS,
    output: Annotated[
        Path, typer.Option(help="JSON file; the beam size is added to its name, plots lie beside.")
    ] = Path("decode.json"),
) -> None:
    """Measure sentences a second, start-up and peak memory of decoding.

    Contestants translate the same lines in turn, each in a process of its own. Start-up is left out
    of the speed. A peer runs with the fastest of its settings; how many of its translations equal
    ours is told.
    """
    from seq2seq.bench.decoding import DecodingBench, checked_beams, equal_notes

    ensure_json(output)
    overrides, _ = overrides_of(context)
    options = [item.removeprefix("decoding.") for item in overrides]
    bench = DecodingBench(run, source, options, threads, peer or [], export, peers, rounds)
    for size in checked_beams(beam_size or [5, 1]):
        place = output.with_name(f"{output.stem}_beam{size}.json")
        print(f"\nbeam size {size}\n")
        results, failures = bench.contest(size, place)
        print("\n".join(equal_notes(results)))
        show_contest(results, failures, place)
