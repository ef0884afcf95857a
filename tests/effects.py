"""Where it is shown that each option of `tests.options` is obeyed.

EFFECTS has values that change what training and evaluation write, which
`tests/integration/test_options_run.py` shows; SHOWN_BY names the test of every other option;
RUN_WITH has values of their numbers that a run is made with. `scripts/options_without_a_test.py`
lists options that are in neither.
"""

from dataclasses import dataclass

TEXT = (
    *("data=files", "data.train.source={folder}/train.source", "data.tokenizer.vocab_size=80"),
    *("data.train.target={folder}/train.target", "data.test.source={folder}/test.source"),
    *("data.test.target={folder}/test.target", "data.validation.source={folder}/test.source"),
    *("data.validation.target={folder}/test.target", "data.max_source_length=32"),
    "data.max_target_length=32",
)
TONES = ("model.max_source_length=64",)


@dataclass(frozen=True)
class Effect:
    """A value of an option, and overrides for both runs that are compared."""

    value: str
    context: tuple[str, ...] = ()


def on_text(value: str, *context: str) -> Effect:
    return Effect(value, (*TEXT, *context))


EFFECTS = {
    "seed": Effect("2"),
    "metrics": Effect("[bleu]"),
    "model.d_model": Effect("32"),
    "model.num_heads": Effect("2"),
    "model.d_ff": Effect("32"),
    "model.dropout": Effect("0.5"),
    "model.norm": Effect("post"),
    "model.normalization": Effect("rms_norm"),
    "model.activation": Effect("gelu"),
    "model.embedding_norm": Effect("true"),
    "model.fix_norm": Effect("true"),
    "model.zero_init": Effect("true"),
    "model.tied_embeddings": Effect("target"),
    "model.max_source_length": Effect("48", ("position=learned",)),
    "model.max_target_length": Effect("48", ("position=learned",)),
    "model.encoder.num_layers": Effect("2"),
    "model.encoder.layer_attention": Effect("[local]"),
    "model.decoder.num_layers": Effect("2"),
    "model.decoder.layer_attention": Effect("[local]"),
    "model.decoder.layer_cross_attention": Effect("[linear]"),
    "data.source_language": on_text("de"),
    "data.target_language": on_text("zh"),
    "data.reverse": on_text("true"),
    "data.max_source_length": on_text("6"),
    "data.max_target_length": on_text("6"),
    "data.limit_train": on_text("20"),
    "data.tokenizer.kind": on_text(
        "unigram",
        *("data.tokenizer.vocab_size=40", "model.max_source_length=64"),
        "model.max_target_length=64",
    ),
    "data.tokenizer.vocab_size": on_text("60"),
    "data.tokenizer.joint": on_text("false", "model.tied_embeddings=target"),
    "data.tokenizer.character_coverage": on_text("0.98"),
    "data.filters.min_length": on_text("4"),
    "data.filters.max_length_ratio": on_text("1.2"),
    "data.filters.drop_duplicates": on_text("true"),
    "data.augmentation.concatenate": Effect("2"),
    "data.augmentation.shuffle_targets": Effect("true", ("data.augmentation.concatenate=2",)),
    "data.augmentation.split_probability": on_text("0.3"),
    "data.augmentation.split_samples": on_text("2", "data.augmentation.split_probability=0.3"),
    "data.augmentation.bpe_dropout_source": on_text("0.3"),
    "data.augmentation.bpe_dropout_target": on_text("0.3"),
    "data.both_directions": on_text("0.5"),
    "data.mark_direction": on_text("true", "data.both_directions=0.5"),
    "data.batch.max_tokens": Effect("40"),
    "data.batch.max_shapes": Effect("2"),
    "optimizer.learning_rate": Effect("0.02"),
    "optimizer.beta1": Effect("0.5"),
    "optimizer.beta2": Effect("0.5"),
    "optimizer.epsilon": Effect("0.1"),
    "optimizer.weight_decay": Effect("0.5"),
    "optimizer.matrices": Effect("adamw"),
    "optimizer.muon.learning_rate": Effect("0.1"),
    "optimizer.muon.momentum": Effect("0.5"),
    "optimizer.muon.weight_decay": Effect("0.5"),
    "optimizer.muon.newton_schulz_steps": Effect("2"),
    "optimizer.label_smoothing": Effect("0.3"),
    "optimizer.clip_norm": Effect("0.01"),
    "schedule.kind": Effect("constant"),
    "schedule.warmup_steps": Effect("1"),
    "schedule.final_ratio": Effect("0.5"),
    "schedule.cooldown_share": Effect("1"),
    "schedule.cooldown_shape": Effect("sqrt"),
    "schedule.cooldown_power": Effect("3"),
    "trainer.max_steps": Effect("3"),
    "trainer.max_epochs": Effect("1", ("data.num_train=12",)),
    "trainer.accumulate": Effect("2"),
    "trainer.precision": Effect("bf16-mixed"),
    "trainer.report_every": Effect("2"),
    "trainer.validate_every": Effect("4"),
    "trainer.checkpoint_every": Effect("2"),
    "trainer.bleu_lines": Effect("0"),
    "trainer.export": Effect("last"),
    "trainer.average_last": Effect("1"),
    "trainer.ema_decay": Effect("0.5"),
    "trainer.tail_share": Effect("0.7"),
    "trainer.evaluate": Effect("false"),
    "decoding.method": Effect("sampling", ("decoding.beam_size=5",)),
    "decoding.max_length_offset": Effect("1", ("decoding.max_length_ratio=0",)),
    "alignment.enabled": Effect("false", ("alignment.heatmaps=10",)),
    "alignment.all_layers": Effect("true", ("model.decoder.num_layers=2",)),
    "alignment.heatmaps": Effect("2"),
    "alignment_supervision.kind": Effect("links"),
    "alignment_supervision.weight": Effect("1.0"),
    "alignment_supervision.layer": Effect("0", ("model.decoder.num_layers=2",)),
    "alignment_supervision.head": Effect("1"),
    "alignment_supervision.use_input_row": Effect("false"),
    "batch_transforms": Effect("[word_dropout]"),
    "attention.dropout": Effect("0.3"),
    "attention.num_kv_heads": Effect("2"),
    "attention.qk_norm": Effect("true"),
    "attention.qk_norm_scale": Effect("4", ("model.encoder.self_attention.qk_norm=true",)),
    "attention.gate": Effect("element"),
    "attention.sink": Effect("learned"),
    "attention.sink_logit": Effect("2", ("model.encoder.self_attention.sink=learned",)),
    "attention.normaliser": Effect("entmax15"),
    "attention.entmax_alpha": Effect("1.2"),
    "attention.top_k": Effect("2"),
    "attention.mixing": Effect("both"),
    "local.window": Effect("2"),
    "local.window_sinks": Effect("1", ("model.encoder.self_attention.window=2",)),
    "hierarchical.segment_length": Effect("2"),
    "latent.latent_dim": Effect("8"),
    "differential.version": Effect("2"),
    "strided.window": Effect("2"),
    "strided.stride": Effect("3"),
    "logsparse.window": Effect("5"),
    "block_sparse.block": Effect("2"),
    "block_sparse.neighbours": Effect("0"),
    "block_sparse.global_blocks": Effect("0"),
    "linear.feature_map": Effect("relu"),
    "performer.num_features": Effect("8"),
    "performer.redraw_interval": Effect("1"),
    "linformer.rank": Effect("4"),
    "gated_delta.kda": Effect("true"),
    "gaussian.deviation": Effect("2"),
    "synthesizer.form": Effect("random"),
    "synthesizer.rank": Effect("4"),
    "rope.base": Effect("10"),
    "t5.num_buckets": Effect("8"),
    "t5.max_distance": Effect("8", ("model.position.num_buckets=8",)),
    "generated.task": Effect("reverse"),
    "generated.num_symbols": Effect("8"),
    "generated.min_length": Effect("2"),
    "generated.max_length": Effect("8"),
    "generated.num_train": Effect("30"),
    "generated.num_validation": Effect("3"),
    "generated.num_test": Effect("3"),
    "generated.seed": Effect("2"),
    "tones.num_tones": Effect("8", TONES),
    "tones.num_bins": Effect("8", TONES),
    "tones.min_length": Effect("4", TONES),
    "tones.max_length": Effect("8", TONES),
    "tones.noise": Effect("0.5", TONES),
    "tones.num_train": Effect("30", TONES),
    "tones.num_validation": Effect("3", TONES),
    "tones.num_test": Effect("3", TONES),
    "tones.seed": Effect("2", TONES),
    "word_dropout.source": Effect("0.5"),
    "word_dropout.target": Effect("0.5"),
}

CONSISTENCY = "tests/training/test_consistency.py"
OBEYED = "tests/config/test_obeyed.py"
SEARCH, SAMPLING = "tests/decoding/test_search.py", "tests/decoding/test_sampling.py"
ALIGN = "tests/cli/test_align.py::test_options_are_obeyed"
TRACKER = "tests/training/test_metrics_log.py::test_a_tracker_gets_the_options"
EVALUATE = "tests/integration/test_evaluate.py"
SCORING = "tests/results/test_scoring.py"
SOURCES = "tests/data/test_sources.py"
SHOWN_BY = {
    **dict.fromkeys(
        ("data.batch.later_steps", "data.batch.later_max_tokens", "data.batch.ahead"),
        "tests/training/test_stream.py::test_batches_grow_at_the_steps_that_options_name",
    ),
    "name": f"{OBEYED}::test_the_name_is_that_of_a_folder",
    "init_from": "tests/run/test_init_from.py::test_the_weights_are_those_of_the_run",
    "imports": f"{OBEYED}::test_modules_add_options_to_groups",
    "data.source_kind": f"{OBEYED}::test_sources_of_another_kind_are_refused_by_a_corpus_of_text",
    "data.verify": "tests/data/test_known_text.py::test_text_that_was_read_is_not_read_again",
    "data.cache_dir": "tests/data/test_prepare.py::test_the_second_time_it_is_only_opened",
    "data.tokenizer.byte_fallback": (
        "tests/data/test_tokenizer.py::test_byte_fallback_spells_any_text"
    ),
    "data.tokenizer.user_defined_symbols": (
        "tests/data/test_tokenizer_options.py::test_symbols_stay_whole"
    ),
    "data.tokenizer.source_model": (
        "tests/data/test_tokenizer.py::test_models_that_exist_are_used_instead_of_training"
    ),
    "data.tokenizer.target_model": (
        "tests/data/test_tokenizer.py::test_models_that_exist_are_used_instead_of_training"
    ),
    "trainer.accelerator": (
        "tests/training/test_hardware.py::test_an_accelerator_means_a_type_of_device"
    ),
    "trainer.devices": "tests/training/test_hardware.py::test_devices_are_a_count_or_numbers",
    "trainer.strategy": "tests/run/test_trainer.py::test_several_processes",
    "trainer.num_nodes": f"{OBEYED}::test_several_machines",
    "trainer.num_threads": f"{OBEYED}::test_threads",
    "trainer.metric": (
        "tests/training/test_validation.py::test_the_metric_that_decides_scores_translations"
    ),
    "trainer.patience": "tests/training/test_callback.py::test_patience",
    "trainer.keep_last": "tests/training/test_checkpoint.py::test_options_decide_how_many_are_kept",
    "trainer.progress_every": f"{OBEYED}::test_seconds_between_lines_of_progress",
    "trainer.max_bad_steps": (
        "tests/training/test_callback.py::"
        "test_too_many_bad_steps_end_training_with_the_last_good_state"
    ),
    "logger.kind": TRACKER,
    "logger.project": TRACKER,
    "logger.address": TRACKER,
    "logger.tags": TRACKER,
    "decoding.beam_size": (
        "tests/decoding/test_beam.py::test_a_beam_that_holds_every_prefix_is_an_exhaustive_search"
    ),
    "decoding.n_best": f"{SEARCH}::test_n_best_is_ordered_and_distinct",
    "decoding.length_penalty": "tests/decoding/test_beam.py::test_beam_search_equals_a_plain_one",
    "decoding.alpha": "tests/decoding/test_beam.py::test_beam_search_equals_a_plain_one",
    "decoding.max_length_ratio": f"{SEARCH}::test_a_translation_is_no_longer_than_allowed",
    "decoding.min_length": f"{SEARCH}::test_a_translation_is_no_shorter_than_allowed",
    "decoding.min_length_ratio": f"{SEARCH}::test_a_translation_is_no_shorter_than_allowed",
    "decoding.temperature": f"{SAMPLING}::test_tokens_are_sampled_in_proportion",
    "decoding.top_k": f"{SAMPLING}::test_tokens_are_sampled_in_proportion",
    "decoding.top_p": f"{SAMPLING}::test_tokens_are_sampled_in_proportion",
    "decoding.seed": f"{SAMPLING}::test_samples_are_a_function_of_the_seed",
    "decoding.allow_unknown": (
        "tests/evaluation/test_translate.py::test_unk_is_produced_only_if_allowed"
    ),
    **dict.fromkeys(
        ("decoding.segmentations", "decoding.segmentation_dropout"),
        "tests/evaluation/test_segmentations.py::test_the_best_scored_translation_is_returned",
    ),
    "decoding.batch_size": (
        "tests/bundle/test_model.py::test_a_line_is_translated_before_the_next_is_read"
    ),
    "decoding.batch_tokens": f"{OBEYED}::test_tokens_in_a_batch_of_decoding",
    "decoding.workers": (
        "tests/evaluation/test_workers.py::test_translations_are_those_of_one_process"
    ),
    "decoding.engine": (
        "tests/evaluation/test_by_engine.py::test_lines_are_translated_as_by_the_own_search"
    ),
    **dict.fromkeys(
        ("decoding.quantization", "decoding.inter_threads", "decoding.intra_threads"),
        "tests/engine/test_search.py::test_options_of_the_engine_reach_it",
    ),
    "alignment.layer": ALIGN,
    "alignment.heads": ALIGN,
    "alignment.use_input_row": ALIGN,
    "alignment.method": ALIGN,
    "alignment.threshold": ALIGN,
    "alignment.null_links": "tests/evaluation/test_null_links.py::test_null_links_are_obeyed",
    "alignment.measure": (
        "tests/evaluation/test_word_aligner.py::test_norms_do_not_depend_on_the_batch"
    ),
    "alignment_supervision.runs": (
        "tests/aligning/test_supervision.py::test_links_of_the_runs_replace_those_of_the_corpus"
    ),
    **dict.fromkeys(
        ("alignment_supervision.extra_source", "alignment_supervision.extra_target"),
        "tests/aligning/test_text_links.py::test_further_text_is_read_but_not_trained_on",
    ),
    "alignment_supervision.method": (
        "tests/aligning/test_supervision.py::test_links_are_the_symmetrized_links_of_both_runs"
    ),
    **{
        f"{name}.{option}": f"{CONSISTENCY}::{test}"
        for name in ("r_drop", "cutoff")
        for option, test in (
            ("weight", "test_the_loss_is_that_of_both_views"),
            ("start_at", "test_the_share_of_the_run_before_it"),
        )
    },
    "cutoff.source": f"{CONSISTENCY}::test_tokens_are_cut_from_the_second_view_only",
    "cutoff.target": f"{CONSISTENCY}::test_tokens_are_cut_from_the_second_view_only",
    "auxiliary_losses": (
        "tests/run/test_trainer.py::test_a_module_has_the_losses_and_transforms_of_its_configuration"
    ),
    "evaluate.run": f"{EVALUATE}::test_a_copied_bundle_is_evaluated_with_nothing_else",
    "evaluate.outputs": f"{OBEYED}::test_the_newest_run_of_a_folder_is_evaluated",
    "evaluate.split": f"{EVALUATE}::test_sentences_of_the_user",
    "evaluate.source": f"{EVALUATE}::test_sentences_of_the_user",
    "evaluate.reference": f"{EVALUATE}::test_sentences_of_the_user",
    "evaluate.target_language": f"{SCORING}::test_scoring_is_chosen_at_evaluation",
    "evaluate.bleu_tokenizer": f"{SCORING}::test_scoring_is_chosen_at_evaluation",
    "evaluate.output": "tests/results/test_output.py::test_results_go_to_the_output",
    "evaluate.compare": "tests/results/test_compare.py::test_through_the_command",
    "evaluate.metrics": (
        "tests/results/test_metrics_chosen.py::"
        "test_the_metrics_of_the_run_are_computed_unless_others_are_chosen"
    ),
    "evaluate.protocol": (
        "tests/results/test_scoring.py::test_scores_have_intervals_and_the_command_that_gives_them"
    ),
    "evaluate.imports": f"{OBEYED}::test_modules_add_options_to_groups",
    "multi30k.root": f"{SOURCES}::TestMulti30k::test_from_a_folder",
    **{
        f"files.{split}.{name}": f"{OBEYED}::test_files_of_a_split"
        for split in ("train", "validation", "test")
        for name in ("source", "target", "path", "links")
    },
    "files.source_column": f"{SOURCES}::TestFiles::test_one_file_with_both_sides",
    "files.target_column": f"{SOURCES}::TestFiles::test_one_file_with_both_sides",
    **{
        f"hub.{name}": f"{OBEYED}::test_a_corpus_of_the_hub_is_known_by_its_options"
        for name in ("path", "subset", "revision", "train", "validation", "test")
    },
    "hub.translation_column": f"{OBEYED}::test_a_corpus_of_the_hub_is_known_by_its_options",
    "hub.source_column": f"{SOURCES}::TestHub::test_columns_and_translations",
    "hub.target_column": f"{SOURCES}::TestHub::test_columns_and_translations",
}
RUN_WITH = {
    "data.batch.ahead": "2",
    "trainer.num_nodes": "1",  # more machines than there are cannot be tried
    "trainer.num_threads": "1",
    "trainer.patience": "1",
    "trainer.keep_last": "3",
    "trainer.progress_every": "0.5",
    "trainer.max_bad_steps": "3",
    "decoding.beam_size": "3",
    "decoding.n_best": "2",
    "decoding.alpha": "0.5",
    "decoding.max_length_ratio": "0.5",
    "decoding.min_length": "2",
    "decoding.min_length_ratio": "0.5",
    "decoding.temperature": "0.5",
    "decoding.top_k": "4",
    "decoding.top_p": "0.5",
    "decoding.seed": "2",
    "decoding.segmentations": "2",
    "decoding.segmentation_dropout": "0.5",
    "decoding.batch_size": "2",
    "decoding.batch_tokens": "30",
    "decoding.workers": "2",
    "decoding.inter_threads": "2",
    "decoding.intra_threads": "2",
    "alignment.layer": "0",
    "alignment.threshold": "0.1",
    **{
        f"{name}.{option}": "0.5"
        for name in ("r_drop", "cutoff")
        for option in ("weight", "start_at")
    },
    "cutoff.source": "0.1",
    "cutoff.target": "0.1",
}
