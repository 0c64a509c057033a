namespace Edge.Llm.Conversion;

/// <summary>The keys of a Hugging Face folder's JSON files: those that its classes read for the families there are, and those that common
/// programs add.</summary>
internal static class KnownKeys
{
    private const string Roles = "bos_token eos_token unk_token sep_token pad_token cls_token mask_token additional_special_tokens "
        + "extra_special_tokens";
    private const string RoleIds = "bos_token_id eos_token_id unk_token_id sep_token_id pad_token_id cls_token_id mask_token_id";

    /// <summary>Settings of sampling and search, which a GGUF file has no place for: they are told, and not lost without a word.</summary>
    public const string Sampling =
        "do_sample temperature top_k top_p min_p top_h typical_p epsilon_cutoff eta_cutoff repetition_penalty "
        + "encoder_repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size diversity_penalty num_beams "
        + "num_beam_groups penalty_alpha early_stopping guidance_scale exponential_decay_length_penalty min_length min_new_tokens "
        + "dola_layers renormalize_logits remove_invalid_values token_healing";

    private const string GenerationHarmless =
        "max_length max_new_tokens max_time num_return_sequences output_attentions output_hidden_states output_scores output_logits "
        + "use_cache return_dict_in_generate return_legacy_cache cache_implementation cache_config low_memory decoder_start_token_id "
        + "transformers_version";

    /// <summary>Tokens that are never, or always, to be generated: a model that is asked to would answer otherwise.</summary>
    private static readonly (string, string[])[] s_forced =
    [
        ("bad_words_ids", ["[]"]), ("force_words_ids", ["[]"]), ("suppress_tokens", ["[]"]), ("begin_suppress_tokens", ["[]"]),
        ("sequence_bias", ["{}"]),
        ("constraints", ["[]"]), ("stop_strings", ["[]"]), ("forced_bos_token_id", []), ("forced_eos_token_id", []), ("watermarking_config", []),
    ];

    /// <summary>config.json of any model.</summary>
    public static KeyTable AnyConfig { get; } = new(
        "architectures model_type vocab_size tie_word_embeddings quantization_config auto_map " + RoleIds + " " + Sampling,
        "_name_or_path name_or_path _commit_hash torch_dtype dtype initializer_range attention_dropout return_dict torchscript "
        + "use_bfloat16 tf_legacy_loss chunk_size_feed_forward is_decoder tie_encoder_decoder finetuning_task id2label label2id "
        + "num_labels problem_type task_specific_params tokenizer_class prefix attn_implementation _attn_implementation "
        + "_attn_implementation_autoset _flash_attn_2_enabled gradient_checkpointing neftune_noise_alpha unsloth_version "
        + "unsloth_fixed is_llama_config max_sequence_length model_max_length transformers.js_config " + GenerationHarmless,
        [
            ("is_encoder_decoder", ["false"]), ("add_cross_attention", ["false"]), ("cross_attention_hidden_size", []),
            ("pruned_heads", ["{}"]), .. s_forced,
        ]);

    /// <summary>config.json of a model that generates text.</summary>
    public static KeyTable Config { get; } = AnyConfig.With(
        "hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim max_position_embeddings "
        + "rms_norm_eps hidden_act rope_theta rope_scaling rope_parameters sliding_window use_sliding_window layer_types attention_bias "
        + "mlp_bias",
        "pretraining_tp max_window_layers",
        ("partial_rotary_factor", ["1"]), ("rope_interleaved", ["false"]), ("use_mrope", ["false"]));

    /// <summary>What a mixture of experts adds, needed for training alone.</summary>
    public const string ExpertTraining = "router_aux_loss_coef output_router_logits router_jitter_noise";

    /// <summary>config.json of a model of texts and images, around that of its text part.</summary>
    public static KeyTable Multimodal { get; } = AnyConfig.With(
        "text_config",
        "vision_config image_token_index image_token_id boi_token_index eoi_token_index mm_tokens_per_image projector_hidden_act "
        + "multimodal_projector_bias spatial_merge_size vision_feature_layer");

    /// <summary>generation_config.json.</summary>
    public static KeyTable Generation { get; } = new(
        RoleIds + " " + Sampling,
        "_from_model_config prefill_chunk_size compile_config disable_compile is_assistant num_assistant_tokens "
        + "num_assistant_tokens_schedule assistant_confidence_threshold assistant_early_exit assistant_lookbehind target_lookbehind "
        + "prompt_lookup_num_tokens max_matching_ngram_size "
        + GenerationHarmless,
        s_forced);

    /// <summary>tokenizer_config.json.</summary>
    public static KeyTable TokenizerConfig { get; } = new(
        Roles + " add_bos_token add_eos_token add_prefix_space added_tokens_decoder chat_template tokenizer_class auto_map do_lower_case strip_accents",
        "model_max_length max_length padding padding_side truncation truncation_side truncation_strategy stride pad_to_multiple_of "
        + "pad_token_type_id clean_up_tokenization_spaces spaces_between_special_tokens errors legacy name_or_path "
        + "special_tokens_map_file tokenizer_file vocab_file merges_file processor_class model_input_names use_default_system_prompt "
        + "use_fast from_slow return_token_type_ids is_local backend vocab_size image_token boi_token eoi_token",
        ("tokenize_chinese_chars", ["true"]), ("do_basic_tokenize", ["true"]), ("never_split", ["[]"]), ("split_special_tokens", ["false"]), ("sp_model_kwargs", ["{}"]), ("fix_mistral_regex", ["false"]));

    /// <summary>special_tokens_map.json.</summary>
    public static KeyTable SpecialTokensMap { get; } = new(Roles);

    /// <summary>tokenizer.json.</summary>
    public static KeyTable Tokenizer { get; } = new(
        "truncation padding added_tokens normalizer pre_tokenizer post_processor decoder model", "", ("version", ["\"1.0\""]));

    /// <summary>Its model. With a token for every byte nothing is unknown, so unk_token and fuse_unk have no effect.</summary>
    public static KeyTable Bpe { get; } = new(
        "type unk_token byte_fallback ignore_merges vocab merges", "fuse_unk",
        ("dropout", ["0"]), ("continuing_subword_prefix", ["\"\""]), ("end_of_word_suffix", ["\"\""]));

    /// <summary>A token that was added to a vocabulary, in any of the files.</summary>
    public static KeyTable AddedToken { get; } = new(
        "id content normalized special", "__type", ("single_word", ["false"]), ("lstrip", ["false"]), ("rstrip", ["false"]));

    /// <summary>The same in a folder of Phi 3 or 4.</summary>
    public static KeyTable AddedTokenOfPhi { get; } = AddedToken.With("rstrip");
}
