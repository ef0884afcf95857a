"""Configurations of other toolkits, in the sizes of a workload."""

from pathlib import Path
from typing import Any

import yaml

from seq2seq.bench.peers.toolkit_logs import LOGGED_EVERY
from seq2seq.bench.workload import Workload
from seq2seq.data.config import SPECIAL_TOKENS

UNREACHED = 1_000_000  # steps or epochs
ADAM_BETAS = [0.9, 0.98]


def joeynmt(workload: Workload, folder: Path) -> str:
    """The configuration of JoeyNMT 2.3.0.

    Args:
        folder: for what it writes.
    """
    corpus = Path(workload.corpus)
    side = {
        "level": "word",
        "max_length": workload.max_length,
        "lowercase": False,
        "normalize": False,
        "voc_limit": workload.vocab_size,
        "voc_min_freq": 1,
        "voc_file": str(corpus / "words.txt"),
    }
    config = {
        "name": "bench",
        "joeynmt_version": "2.3.0",
        "model_dir": str(folder / "model"),
        "use_cuda": False,
        "random_seed": workload.seed,
        "data": {
            "train": str(corpus / "train"),
            "dev": str(corpus / "held_out"),
            "test": str(corpus / "held_out"),
            "dataset_type": "plain",
            "src": {"lang": "source", **side},
            "trg": {"lang": "target", **side},
            "special_symbols": joeynmt_symbols(),
        },
        "testing": {"beam_size": 1, "batch_size": workload.max_tokens, "batch_type": "token"},
        "training": joeynmt_training(workload),
        "model": joeynmt_model(workload),
    }
    return dumped(config)


def joeynmt_symbols() -> dict[str, object]:
    """What JoeyNMT calls the special subwords, and their ids."""
    names = ("unk", "pad", "bos", "eos")
    described: dict[str, object] = {}
    for number, (name, token) in enumerate(zip(names, SPECIAL_TOKENS, strict=True)):
        described |= {f"{name}_token": token, f"{name}_id": number}
    return described


def joeynmt_model(workload: Workload) -> dict[str, object]:
    """The section on the model of JoeyNMT."""
    layers = {
        "type": "transformer",
        "num_heads": workload.heads,
        "embeddings": {"embedding_dim": workload.d_model, "scale": True, "dropout": 0.0},
        "hidden_size": workload.d_model,
        "ff_size": workload.d_ff,
        "dropout": workload.dropout,
        "layer_norm": "pre",
    }
    return {
        "initializer": "xavier_uniform",
        "embed_initializer": "xavier_uniform",
        "bias_initializer": "zeros",
        "tied_embeddings": True,
        "tied_softmax": True,
        "encoder": {**layers, "num_layers": workload.encoder_layers},
        "decoder": {**layers, "num_layers": workload.decoder_layers},
    }


def joeynmt_training(workload: Workload) -> dict[str, object]:
    """The section on training of JoeyNMT."""
    return {
        "optimizer": "adamw",
        "normalization": "tokens",
        "adam_betas": ADAM_BETAS,
        "scheduling": "warmupinversesquareroot",
        "learning_rate_warmup": 400,
        "learning_rate": workload.learning_rate,
        "weight_decay": 0.0,
        "clip_grad_norm": 1.0,
        "loss": "crossentropy",
        "label_smoothing": workload.label_smoothing,
        "batch_size": workload.max_tokens,
        "batch_type": "token",
        "early_stopping_metric": "loss",
        "epochs": UNREACHED,
        "updates": workload.warmup + workload.steps,
        "validation_freq": UNREACHED,
        "logging_freq": LOGGED_EVERY,
        "overwrite": True,
        "shuffle": True,
        "print_valid_sents": [],
        "keep_best_ckpts": 1,
    }


def eole(workload: Workload, folder: Path) -> str:
    """The configuration of Eole 0.6.4.

    Args:
        folder: for what it writes.
    """
    corpus = Path(workload.corpus)
    vocabulary = str(corpus / "counted.txt")
    config = {
        "save_data": str(folder / "data"),
        "overwrite": True,
        "seed": workload.seed,
        "report_every": LOGGED_EVERY,
        "src_vocab": vocabulary,
        "tgt_vocab": vocabulary,
        "src_vocab_size": workload.vocab_size,
        "tgt_vocab_size": workload.vocab_size,
        "vocab_size_multiple": 8,
        "share_vocab": True,
        "n_sample": 0,
        "data": {
            "corpus_1": eole_files(corpus / "train"),
            "valid": eole_files(corpus / "held_out"),
        },
        "training": eole_training(workload, folder),
        "model": {
            "architecture": "transformer",
            "hidden_size": workload.d_model,
            "share_decoder_embeddings": True,
            "share_embeddings": True,
            "encoder": {"encoder_type": "transformer", "layers": workload.encoder_layers},
            "decoder": {"decoder_type": "transformer", "layers": workload.decoder_layers},
            "heads": workload.heads,
            "transformer_ff": workload.d_ff,
            "embeddings": {
                "word_vec_size": workload.d_model,
                "position_encoding_type": "SinusoidalInterleaved",
            },
        },
    }
    return dumped(config)


def eole_files(stem: Path) -> dict[str, str]:
    """The two sides of a split."""
    return {"path_src": f"{stem}.source", "path_tgt": f"{stem}.target"}


def eole_training(workload: Workload, folder: Path) -> dict[str, object]:
    """The section on training of Eole."""
    return {
        "model_path": str(folder / "model"),
        "keep_checkpoint": 1,
        "save_checkpoint_steps": UNREACHED,
        "valid_steps": UNREACHED,
        "train_steps": workload.warmup + workload.steps,
        "bucket_size": 30_000,
        "num_workers": 0,
        "prefetch_factor": 4,
        "world_size": 0,
        "gpu_ranks": [],
        "batch_type": "tokens",
        "batch_size": workload.max_tokens,
        "valid_batch_size": workload.max_tokens,
        "batch_size_multiple": 1,
        "accum_count": [1],
        "accum_steps": [0],
        "average_decay": 0,
        "dropout": [workload.dropout],
        "dropout_steps": [0],
        "attention_dropout": [0.0],
        "compute_dtype": "fp32",
        "use_amp": False,
        "optim": "adamw",
        "adam_beta2": ADAM_BETAS[1],
        "learning_rate": 2,
        "warmup_steps": 2000,
        "decay_method": "noam",
        "max_grad_norm": 1,
        "label_smoothing": workload.label_smoothing,
        "param_init_method": "xavier_uniform",
        "normalization": "tokens",
    }


def dumped(config: dict[str, Any]) -> str:
    """A configuration as YAML, whose floats both toolkits read as floats."""
    text: str = yaml.safe_dump(config, sort_keys=False)
    return text
