"""A generated corpus of features: tones in noise, whose names are the target.

A source has a few different tones. Each sounds for MIN_TONE to MAX_TONE frames, and
MIN_SILENCE to MAX_SILENCE frames of silence follow. Tone k is a bump over the frequency bins, with
a centre that grows with k and an amplitude that is random within AMPLITUDES. The number of frames
of a tone is random, so that position alone does not tell which symbol a frame belongs to. Word
alignments link each frame of a tone with its symbol.

By default all sources have the same number of tones. Otherwise a hypothesis that skips a tone ends
before the right one, and beam search stops after `beam_size` ends (see `seq2seq.decoding.beam`).

The sources are written as feature files, with a list of them beside the symbols, and are read from
there as those of data=files are.
"""

import hashlib
import json
import logging
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.cache import MANIFEST, ensure_folder, folder_damage, save_manifest
from seq2seq.data.config import DataConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.sources.files import FilesReader
from seq2seq.data.sources.pairs import RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.data.synthetic import MAX_SILENCE, MAX_TONE, TonesConfig
from seq2seq.files import write_lines

logger = logging.getLogger(__name__)

TONES_VERSION = 1  # raise it when the same options give other tones
SPLIT_ORDER = ("test", "validation", "train")  # held-out targets do not depend on num_train
SIDES = ("list", "symbols", "links")  # endings of the files of a split
MIN_TONE, MIN_SILENCE = 2, 1  # frames
BUMP = 0.8  # standard deviation of a tone over the bins
AMPLITUDES = 0.7, 1.3


@CORPUS_READERS.register
class TonesReader(CorpusReader):
    name = "tones"
    source_kinds = ("features",)

    def __init__(self, config: TonesConfig) -> None:
        self.config = config

    def identity(self) -> str:
        return f"tones {TONES_VERSION} {json.dumps(self.options(), sort_keys=True)}"

    def options(self) -> dict[str, object]:
        """The options that the tones follow from."""
        inherited = {item.name for item in fields(DataConfig)}
        names = [item.name for item in fields(self.config) if item.name not in inherited]
        return {name: getattr(self.config, name) for name in names}

    def load(self) -> RawCorpus:
        """The corpus, generated if its files are not there yet."""
        digest = hashlib.sha256(self.identity().encode()).hexdigest()[:20]
        folder = Path(self.config.cache_dir) / "tones" / digest
        ensure_folder(
            folder,
            self.write,
            damage=folder_damage,
            is_written=is_tones_file,
            purpose="generating the same tones",
        )
        files = FilesConfig(
            source_kind="features",
            max_source_length=self.config.max_source_length,
            train=split_files(folder, "train"),
            validation=split_files(folder, "validation"),
            test=split_files(folder, "test"),
        )
        return FilesReader(files).load()

    def write(self, folder: Path) -> None:
        """Generate the corpus into an empty folder."""
        targets: set[str] = set()
        for name in SPLIT_ORDER:
            write_split(folder, name, self.config, targets)
        save_manifest(folder, self.options())
        logger.info("generated tones for %s", self.config.cache_dir)


def is_tones_file(name: str) -> bool:
    """Whether `TonesReader.write` writes a file or folder of this name."""
    return name == MANIFEST or name.partition(".")[0] in SPLIT_ORDER


def split_files(folder: Path, name: str) -> SplitFiles:
    """The files of a split."""
    source, target, links = (str(folder / f"{name}.{side}") for side in SIDES)
    return SplitFiles(source=source, target=target, links=links)


def write_split(folder: Path, name: str, config: TonesConfig, seen: set[str]) -> None:
    """Write the feature files of a split, their list, and the symbols and links beside it.

    Args:
        seen: targets of other splits, which are not drawn again; those of this split are added.
    """
    (folder / name).mkdir(parents=True)
    random = np.random.Generator(np.random.PCG64([config.seed, SPLIT_ORDER.index(name)]))
    lines: dict[str, list[str]] = {side: [] for side in SIDES}
    while len(lines["symbols"]) < getattr(config, f"num_{name}"):
        length = random.integers(config.min_length, config.max_length + 1)
        tones = random.permutation(config.num_tones)[:length]
        target = " ".join(f"t{tone + 1}" for tone in tones)
        if target in seen:
            continue
        seen.add(target)
        frames, tone_of_frame = render(tones, config, random)
        path = f"{name}/{len(lines['symbols']):06d}.npy"
        np.save(folder / path, frames)
        pairs = enumerate(tone_of_frame.tolist())
        links = " ".join(f"{frame}-{tone}" for frame, tone in pairs if tone >= 0)
        for side, line in zip(SIDES, (path, target, links), strict=True):
            lines[side].append(line)
    for side in SIDES:
        write_lines(folder / f"{name}.{side}", lines[side])


def render(
    tones: NDArray[np.int64], config: TonesConfig, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Frames (T, F) of tones, and (T,) which of the tones sounds in each frame, -1 for none."""
    sounding = random.integers(MIN_TONE, MAX_TONE + 1, len(tones))
    silent = random.integers(MIN_SILENCE, MAX_SILENCE + 1, len(tones) + 1)
    numbers = [np.full(silent[0], -1)]
    for number, (sound, silence) in enumerate(zip(sounding, silent[1:], strict=True)):
        numbers += [np.full(sound, number), np.full(silence, -1)]
    tone_of_frame = np.concatenate(numbers)
    centres = (np.arange(config.num_tones) + 0.5) * config.num_bins / config.num_tones - 0.5
    amplitudes = random.uniform(*AMPLITUDES, len(tones))
    distances = np.arange(config.num_bins) - centres[tones][:, None]
    patterns = amplitudes[:, None] * np.exp(-(distances**2) / (2 * BUMP**2))
    patterns = np.concatenate([patterns, np.zeros((1, config.num_bins))])
    noise = random.normal(0, config.noise, (len(tone_of_frame), config.num_bins))
    return (patterns[tone_of_frame] + noise).astype(np.float32), tone_of_frame
