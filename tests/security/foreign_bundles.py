"""Bundles of strangers: their configurations, manifests and parameters."""

from pathlib import Path
from typing import Any

import seq2seq
from seq2seq.bundle.files import load_bundle
from seq2seq.bundle.locate import saved_config
from seq2seq.config.plain import to_yaml
from tests.security.hostile import (
    EXECUTE,
    READ_SECRET,
    Exploit,
    Make,
    pickled,
    safetensors,
    sparse,
    with_config,
    with_file,
    with_link,
    with_manifest,
    with_option,
    with_pipe,
    with_yaml,
)

HUGE = 10**12
LARGEST = 2**31 - 1  # that an option may be
BOMB = "a: &a [x, x, x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True)
)
EVIL_MODULE = f"{EXECUTE}\n"
TARGET = {"_target_": "builtins.exec", "_args_": [EXECUTE]}


def load(run: Path) -> Any:
    return load_bundle(run)


def save_again(run: Path) -> None:
    """What a bundle holds is written again: into the configuration of a further run."""
    config = saved_config(run)
    (run / "again.yaml").write_text(to_yaml(config), encoding="utf-8")
    print(config)


def translate(run: Path) -> list[str]:
    return seq2seq.load(run, device="cpu").translate(["the dog"])


def config_exploits() -> dict[str, Exploit]:
    """Configurations of bundles: they are data, of known classes, within bounds."""
    sizes: dict[str, Any] = {
        "model.encoder.num_layers": 1_000_000,
        "model.decoder.num_layers": HUGE,
        "model.d_model": LARGEST - 1,
        "model.d_ff": LARGEST,
        "model.num_heads": LARGEST,
        "model.max_source_length": HUGE,
        "model.dropout": float("nan"),
    }
    mechanisms: dict[str, dict[str, Any]] = {
        "random features": {"name": "performer", "num_features": LARGEST},
        "rank": {"name": "linformer", "rank": LARGEST},
        "key/value heads": {"name": "gqa", "num_kv_heads": LARGEST},
        "attribute": {"name": "__init__"},
        "module path": {"name": "os.system"},
        "target": TARGET,
    }
    cases = {f"size {path}": Exploit(with_option(path, sizes[path]), load) for path in sizes}
    for name, options in mechanisms.items():
        make = with_option("model.encoder.self_attention", options)
        cases[f"mechanism of {name}"] = Exploit(make, load)
    positions = {"name": "learned"}
    return {
        **cases,
        "learned positions beyond memory": Exploit(
            with_config(
                lambda options: options["model"].update(
                    position=positions, max_source_length=LARGEST, max_target_length=LARGEST
                )
            ),
            load,
        ),
        "mechanisms of 18,000 layers": Exploit(
            with_option("model.encoder.layer_attention", ["full"] * 18_000), load
        ),
        "mechanism that is a number": Exploit(
            with_option("model.encoder.layer_attention", [1]), load
        ),
        "position scheme by attribute": Exploit(
            with_option("model.position", {"name": "__class__"}), load
        ),
        "corpus by path": Exploit(with_option("data", {"name": "../../x"}), load),
        "_target_ at the root": Exploit(with_option("_target_", "os.system"), load),
        "_target_ of a section": Exploit(with_option("trainer", TARGET), load),
        "_target_ of a logger": Exploit(with_option("logger", TARGET), load),
        "_target_ of a transform": Exploit(with_option("batch_transforms", [TARGET]), load),
        "_target_ of a loss": Exploit(
            with_option("auxiliary_losses", [{"name": "x", **TARGET}]), load
        ),
        "hydra section": Exploit(with_option("hydra", {"run": {"dir": "/tmp"}}), load),
        "defaults list": Exploit(with_option("defaults", ["/etc/passwd"]), load),
        "modules to import": Exploit(with_module(None), load, is_refused=False),
        "modules that would define a mechanism": Exploit(with_module("evil"), load),
        "module names as text": Exploit(with_option("imports", "os"), load),
        "environment in text": Exploit(
            with_option("name", READ_SECRET), save_again, is_refused=False
        ),
        "environment in languages": Exploit(
            with_option("data.source_language", f"a{READ_SECRET}"), save_again, is_refused=False
        ),
        "environment in a path": Exploit(
            with_option("data.train.source", READ_SECRET), save_again, is_refused=False
        ),
        "environment in a list": Exploit(
            with_option("metrics", [READ_SECRET]), save_again, is_refused=False
        ),
        "environment as a list": Exploit(with_option("metrics", READ_SECRET), load),
        "environment as a number": Exploit(with_option("seed", READ_SECRET), load),
        "environment as a section": Exploit(with_option("trainer", READ_SECRET), load),
        "environment as a choice": Exploit(with_option("model.norm", READ_SECRET), load),
        "environment as a class": Exploit(with_option("data", {"name": READ_SECRET}), load),
        "environment as a key": Exploit(
            with_config(lambda options: options.update({READ_SECRET: 1})), load
        ),
        "environment decoded": Exploit(
            with_option("name", f"${{oc.decode:{READ_SECRET}}}"), save_again, is_refused=False
        ),
        "environment by way of a default": Exploit(
            with_option("name", "${oc.env:ABSENT,'" + READ_SECRET + "'}"),
            save_again,
            is_refused=False,
        ),
        "resolver of Hydra": Exploit(
            with_option("name", "${hydra:runtime.cwd}"), save_again, is_refused=False
        ),
        "environment after a backslash": Exploit(
            with_option("name", f"\\\\{READ_SECRET}"), save_again, is_refused=False
        ),
        "interpolations without end": Exploit(with_option("name", "${" * 4_000), load),
        "YAML bomb": Exploit(with_yaml(BOMB), load),
        "YAML alias": Exploit(with_yaml("x: &x {y: *x}"), load),
        "YAML object": Exploit(
            with_yaml(f"x: !!python/object/apply:builtins.exec ['{EVIL_MODULE[:-1]}']"), load
        ),
        "YAML module": Exploit(with_yaml("x: !!python/module:this"), load),
        "YAML nested": Exploit(with_yaml("x: " + "[" * 100_000), load),
        "YAML of many values": Exploit(with_yaml("x: [" + "1," * 100_000 + "]"), load),
        "YAML number of base 60": Exploit(with_yaml("x: 1" + ":59" * 80_000), load),
        "YAML with a key twice": Exploit(with_yaml("seed: 5"), load),
        "YAML of a gigabyte": Exploit(sparse("model/config.yaml"), load),
    }


def with_module(name: str | None) -> Make:
    """Name a module to import, and a mechanism that it would define."""

    def make(run: Path) -> None:
        (run / "evil.py").write_text(EVIL_MODULE)
        with_option("imports", [str(run / "evil.py")])(run)
        if name is not None:
            with_option("model.encoder.self_attention", {"name": name})(run)

    return make


def manifest_exploits() -> dict[str, Exploit]:
    """Manifests: members are regular files within the bundle."""
    names = {
        "path upwards": "../outside",
        "absolute path": "/etc/hostname",
        "path upwards and back": "text/../../outside",
        "empty name": "",
        "NUL in a name": "a\0b",
    }
    return {
        **{
            f"manifest with an {name}": Exploit(
                with_manifest(lambda facts, member=member: facts["sha256"].update({member: "0"})),
                load,
            )
            for name, member in names.items()
        },
        "manifest without a configuration": Exploit(
            with_manifest(lambda facts: facts["sha256"].pop("config.yaml")), load
        ),
        "manifest of numbers": Exploit(
            with_manifest(lambda facts: facts.update(sha256={"config.yaml": 1})), load
        ),
        "manifest of a list": Exploit(
            with_manifest(lambda facts: facts.update(sha256=["config.yaml"])), load
        ),
        "manifest nested": Exploit(
            with_file("manifest.json", '{"sha256":' * 50_000, resealed=False), load
        ),
        "manifest of a gigabyte": Exploit(sparse("model/manifest.json"), load),
        "link to an endless device": Exploit(with_link("text/test.source", "/dev/zero"), load),
        "link out of the bundle": Exploit(with_link("text/test.source", "../../outside"), load),
        "link to a folder outside": Exploit(with_link("text", "../moved"), load),
        "link in a circle": Exploit(with_link("text/test.source", "test.source"), load),
        "pipe": Exploit(with_pipe, load),
        "unlisted split": Exploit(
            lambda run: (run / "model/text/more.source").symlink_to("/dev/zero"), load
        ),
        "unlisted tokenizer": Exploit(
            lambda run: (run / "model/tokenizer/target.model").symlink_to("/dev/zero"), load
        ),
        "split of other length": Exploit(with_file("text/test.target", "a\n"), load),
    }


def weight_exploits() -> dict[str, Exploit]:
    """Parameters: those of the configuration, known before they take memory."""
    one = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    contents = {
        "header beyond the file": safetensors({}, size=2**63),
        "header of a terabyte": safetensors({}, size=HUGE),
        "header nested": safetensors(b"[" * 100_000),
        "header of many tensors": safetensors({f"t{i}": one for i in range(100_000)}, bytes(4)),
        "tensor beyond the file": safetensors(
            {"a": {"dtype": "F32", "shape": [HUGE], "data_offsets": [0, 4 * HUGE]}}
        ),
        "tensor of overflowing size": safetensors(
            {"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 0]}}
        ),
        "tensor of negative size": safetensors(
            {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)
        ),
        "tensor of an unknown type": safetensors(
            {"a": {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)
        ),
        "tensors that overlap": safetensors({"a": one, "b": one}, bytes(4)),
        "tensors of another model": safetensors({"a": one}, bytes(4)),
        "no tensors": safetensors({}),
        "nothing": b"",
        "pickle": pickled(),
    }
    return {
        f"weights with {name}": Exploit(with_file("model.safetensors", content), load)
        for name, content in contents.items()
    }
