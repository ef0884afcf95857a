"""What a saved configuration means where it lacks an option: what the version that wrote it did.

A configuration is saved whole, so it lacks only options that came later. When such an option
changes its default, runs and bundles that are older than the option must not change with it.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from seq2seq.config.schema import RunConfig

Section = dict[str, Any]

FORMER_DEFAULTS: dict[str, Any] = {
    "imports": [],
    "metrics": ["bleu", "chrf", "ter"],
    "batch_transforms": [],
    "auxiliary_losses": [],
    "data.augmentation.bpe_dropout_source": 0.0,
    "data.augmentation.bpe_dropout_target": 0.0,
    "data.both_directions": 0.0,
    "data.mark_direction": False,
    "data.verify": False,
    "data.batch.later_steps": [],
    "data.batch.later_max_tokens": [],
    "data.batch.ahead": 0,
    "data.source_kind": "text",
    "data.tokenizer.user_defined_symbols": [],
    "optimizer.matrices": "adamw",
    "optimizer.muon.learning_rate": 0.02,
    "optimizer.muon.momentum": 0.95,
    "optimizer.muon.weight_decay": 0.0,
    "optimizer.muon.newton_schulz_steps": 5,
    "schedule.cooldown_share": 0.5,
    "schedule.cooldown_shape": "linear",
    "schedule.cooldown_power": 1.2,
    "trainer.ema_decay": 0.99,
    "trainer.tail_share": 0.2,
    "trainer.keep_last": 2,
    "model.embedding_norm": False,
    "model.fix_norm": False,
    "model.zero_init": False,
    "attention.qk_norm": False,
    "attention.qk_norm_scale": 10.0,
    "attention.gate": "none",
    "attention.sink": "none",
    "attention.sink_logit": 0.0,
    "attention.normaliser": "softmax",
    "attention.entmax_alpha": 1.5,
    "attention.top_k": 8,
    "attention.mixing": "none",
    "local.window_sinks": 0,
    "alignment.measure": "weights",
    "alignment.null_links": False,
    "alignment_supervision.extra_source": None,
    "alignment_supervision.extra_target": None,
    "decoding.segmentations": 1,
    "decoding.segmentation_dropout": 0.1,
    "decoding.workers": 1,
    "decoding.engine": "torch",
    "decoding.quantization": "float32",
    "decoding.inter_threads": None,
    "decoding.intra_threads": 1,
}
"""Plain value of each option that version 0.1.0 did not have, by its path.

Options of classes that are chosen by name have the name instead of a path, `local.window`, and
those that all mechanisms have are `attention.dropout`. What stands here is never changed: a new
default is changed in its dataclass only.
"""


def with_former_defaults(saved: Mapping[str, Any]) -> Section:
    """A copy of a saved mapping in which every option that came later has its former meaning.

    Args:
        saved: with its keys under their present names.
    """
    filled = copy.deepcopy(dict(saved))
    for key, value in FORMER_DEFAULTS.items():
        *path, option = key.split(".")
        for section in _sections(filled, path):
            section.setdefault(option, copy.deepcopy(value))
    return filled


def _sections(saved: Section, path: list[str]) -> Iterator[Section]:
    """The mappings in which an option of a path belongs; sections that are missing are added."""
    if path and path[0] not in {item.name for item in fields(RunConfig)} - {"data"}:
        first, *path = path
        starts = [x for family, x in _choices(saved) if first in (family, x.get("name"))]
    else:
        starts = [saved]
    for section in starts:
        for part in path:
            section = section.setdefault(part, {})
            if not isinstance(section, dict):  # which is refused when the options are read
                break
        else:
            yield section


def _choices(saved: Section) -> Iterator[tuple[str, Section]]:
    """The mappings of classes that were chosen by name, each with its family."""
    model = _part(saved, "model")
    encoder, decoder = _part(model, "encoder"), _part(model, "decoder")
    entries = [
        ("data", saved.get("data")),
        ("position", model.get("position")),
        ("attention", encoder.get("self_attention")),
        *(("attention", decoder.get(role)) for role in ("self_attention", "cross_attention")),
        *(("attention", layer) for layer in _list(encoder, "layer_attention")),
        *(("attention", layer) for layer in _list(decoder, "layer_attention")),
        *(("attention", layer) for layer in _list(decoder, "layer_cross_attention")),
        *(("transform", entry) for entry in _list(saved, "batch_transforms")),
        *(("loss", entry) for entry in _list(saved, "auxiliary_losses")),
    ]
    yield from ((family, entry) for family, entry in entries if isinstance(entry, dict))


def _part(section: Section, name: str) -> Section:
    part = section.get(name)
    return part if isinstance(part, dict) else {}


def _list(section: Section, name: str) -> list[Any]:
    entries = section.get(name)
    return entries if isinstance(entries, list) else []
