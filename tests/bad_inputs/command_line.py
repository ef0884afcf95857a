"""Command lines that do not say what a command can do."""

from tests.bad_inputs.case import Case, training


def refused(name: str, overrides: str, *says: str) -> Case:
    return Case(name, training(overrides), says, code=2)


CASES = [
    refused("an unknown key", "model.depth=3", "model.depth", "choose from"),
    refused(
        "a key with a slip", "trainer.max_step=3", "trainer.max_step", "did you mean max_steps?"
    ),
    refused("a new key", "+model.depth=3", "options cannot be added or removed, only set"),
    refused("a forced key", "++seed=1", "cannot be added or removed"),
    refused("a lost key", "~model", "cannot be added or removed"),
    refused("a word", "fast", "fast"),
    refused("an open quote", "name='a", "name='a"),
    refused("an open bracket", "metrics=[bleu", "metrics=[bleu"),
    refused("a wrong type", "model.d_model=wide", "model.d_model", "wide"),
    refused("a fraction of a layer", "model.encoder.num_layers=1.5", "num_layers", "1.5"),
    refused("a wrong choice", "model.norm=both", "model.norm", "pre, post"),
    refused("an unknown mechanism", "encoder_attention=locl", "encoder_attention", "local"),
    refused("a mechanism of another role", "decoder_attention=linformer", "decoder_attention"),
    refused("a list of mechanisms", "encoder_attention=[local,full]", "takes one option"),
    refused("jobs of a single run", "sweep.jobs=2", "sweep.jobs", "add -m"),
    refused("no jobs at once", "-m sweep.jobs=0", "sweep.jobs", "at least 1"),
    refused("an unknown plan", "-m seed=1,2 sweep.plan=by_rule", "sweep.plan", "by_role"),
    refused("an interval for a grid", "-m model.dropout=interval(0,1)", "interval(0,1)"),
    refused("a sweep without a cell", "-m decoder_attention=linformer,x", "linformer", "x"),
    refused("cells of one folder", "-m seed=1,2 hydra.sweep.subdir=x", "hydra.sweep.subdir"),
    refused("an unknown corpus", "data=nothing", "data", "nothing"),
    refused("an unknown trainer", "trainer=tpu", "trainer", "tpu"),
    refused("an unknown model", "model=huge", "model", "huge"),
    refused(
        "a name where options belong",
        "model.encoder.self_attention=linear",
        "str is not a subclass of AttentionConfig",
    ),
    refused(
        "an unknown mechanism of a layer",
        "model.encoder.layer_attention=[nothing]",
        "model.encoder.layer_attention",
        "nothing",
    ),
    refused("a flag that does not exist", "--fast", "--fast"),
    refused("a module that is not there", "imports=[nothing.py]", "imports", "nothing.py"),
    refused("a package that is not there", "imports=[no_such_module]", "imports: no_such_module"),
    Case(
        "a module with an error",
        training("imports=[broken.py]"),
        ("imports: broken.py", "SyntaxError"),
        {"broken.py": b"def\n"},
        code=2,
    ),
    Case("an unknown command", "tranzlate", ("tranzlate",), code=2),
    Case("no run", "translate s", ("--run",), code=2),
    Case("an unknown flag", "translate --run one --beam 3 s", ("--beam",), models=("one",), code=2),
    Case(
        "an option with a slip",
        "translate --run one decoding.beam=3 s",
        ("decoding.beam", "did you mean"),
        models=("one",),
        code=2,
    ),
    Case(
        "a word for a number",
        "translate --run one decoding.beam_size=many s",
        ("decoding.beam_size", "many"),
        models=("one",),
        code=2,
    ),
    Case(
        "a device that is not there",
        "translate --run one --device cuda:9 s",
        ("cuda:9",),
        models=("one",),
    ),
    Case("a device of no kind", "translate --run one --device gpu9 s", ("gpu9",), models=("one",)),
    Case("one side only", "score --run one s", ("TARGET",), models=("one",), code=2),
    Case("an unknown method", "align symmetrize s t --method best", ("--method", "best"), code=2),
    Case(
        "a threshold above 1",
        "align bidirectional --run one --reverse two --threshold 7 s t",
        ("--threshold", "1"),
        models=("one", "two"),
        code=2,
    ),
    Case(
        "an unknown key of evaluate", "evaluate splt=test", ("splt", "did you mean split"), code=2
    ),
    Case("no folder to resume", "train resume=nowhere", ("nowhere", "no such folder")),
    Case("a file to resume", "train resume=s", ("resume=s",)),
    Case("nothing to resume", "train resume=", ("config.yaml",)),
]
