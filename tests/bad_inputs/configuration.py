"""Options that are out of range, contradict one another, or that nothing reads."""

from tests.bad_inputs.case import FILES, Case, training

# What is set, and what the message names beside the option.
OPTIONS = {
    "seed=-1": "at least 0",
    "seed=99999999999999999999": "at most",
    "model.d_model=0": "at least 1",
    "model.d_model=17": "model.num_heads",
    "model.d_model=10000000000": "at most",
    "model.dropout=1": "below 1",
    "model.dropout=nan": "nan",
    "model.encoder.num_layers=0": "at least 1",
    "model.encoder.self_attention.num_kv_heads=3": "must divide model.num_heads",
    "optimizer.learning_rate=inf": "inf",
    "optimizer.learning_rate=0": "above 0",
    "optimizer.learning_rate=1e300": "at most 1e+09",
    "optimizer.clip_norm=nan": "nan",
    "optimizer.weight_decay=inf": "inf",
    "optimizer.beta2=1": "below 1",
    "optimizer.epsilon=0": "at least",
    "schedule.final_ratio=nan": "nan",
    "schedule.warmup_steps=-1": "at least 0",
    "trainer.max_steps=0": "at least 1",
    "trainer.max_steps=1000000000000000000000000000000": "at most",
    "trainer.max_steps=1e30": "trainer.max_steps",
    "trainer.devices=99999999": "99999999",
    "trainer.devices=0": "devices",
    "trainer.devices=many": "many",
    "trainer.num_threads=99999": "at most 1024",
    "trainer.num_nodes=0": "at least 1",
    "trainer.precision=8": "choose from",
    "trainer.precision=16-mixed": "needs a GPU",
    "trainer.accelerator=tpu": "tpu",
    "trainer.metric=blue": "did you mean bleu?",
    "decoding.beam_size=0": "at least 1",
    "decoding.n_best=9": "beam_size",
    "decoding.min_length=-1": "at least 0",
    "decoding.alpha=1e30": "at most 5",
    "decoding.temperature=1e-38": "at least 1e-06",
    "decoding.temperature=inf": "inf",
    "decoding.top_k=5": "method=sampling",
    "alignment.layer=9": "decoder layers",
    "alignment.heads=[9]": "heads",
    "alignment.threshold=2": "at most 1",
    "data.batch.max_tokens=1": "at least 2",
    "data.max_source_length=99999": "max_source_length",
    "data.tokenizer.vocab_size=2": "at least",
    "data.tokenizer.kind=words": "words",
    "data.tokenizer.character_coverage=2": "at most 1",
    "data.tokenizer.source_model=nowhere.model": "nowhere.model",
    "data.filters.max_length_ratio=0": "at least 1",
    "metrics=[blue]": "blue",
    "metrics=[bleu,bleu]": "metrics",
    "batch_transforms=[nothing]": "nothing",
    "batch_transforms=[word_dropout,word_dropout]": "twice",
    "auxiliary_losses=[nothing]": "nothing",
    "init_from=nowhere": "nowhere",
}
COMBINATIONS = {
    "positions that a mechanism cannot carry": (
        "encoder_attention=linear position=rope",
        ("model.position", "loses its meaning in linear"),
    ),
    "supervision by links that are not there": (
        f"{FILES} alignment_supervision=links",
        ("alignment_supervision", "data.train.links"),
    ),
    "a single vocabulary for two": (
        "model.tied_embeddings=all data.tokenizer.joint=false",
        ("model.tied_embeddings", "joint"),
    ),
    "patience without translations": (
        "trainer.patience=2 trainer.bleu_lines=0",
        ("trainer.metric", "trainer.bleu_lines"),
    ),
    "several mistakes": (
        "model.dropout=2 trainer.max_steps=0 seed=-1",
        ("3 problems", "model.dropout", "trainer.max_steps", "seed"),
    ),
}
# Trainers ask for what this machine may lack.
GPU = ("trainer=gpu", "trainer=ddp", "trainer.accelerator=gpu", "trainer.accelerator=mps")

CASES = [
    *(
        Case(override, training(f"data=copy {override}"), (override.split("=")[0], part), code=2)
        for override, part in OPTIONS.items()
    ),
    *(
        Case(name, training(overrides), says, code=2)
        for name, (overrides, says) in COMBINATIONS.items()
    ),
    *(
        Case(
            f"{override} without a GPU",
            training(f"data=copy {override}").replace("trainer.accelerator=cpu ", ""),
            ("trainer.accelerator", "choose cpu or auto"),
            code=2,
        )
        for override in GPU
    ),
    Case(
        "a tracker that is not installed",
        training("data=copy logger=wandb"),
        ("wandb",),
        writes=True,
    ),
]
