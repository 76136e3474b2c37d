"""The shapes of demo models: those of the real models, where models.yaml sets nothing else."""

from typing import Any

# Defaults for demo backends of models.yaml.
CONFIGS: dict[str, dict[str, Any]] = {
    "dnabert": {
        "vocab_size": 4096,
        "hidden_size": 768,
        "num_hidden_layers": 2,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
    },
    "t5": {
        "vocab_size": 150,
        "d_model": 1024,
        "d_kv": 128,
        "d_ff": 16384,
        "num_layers": 2,
        "num_heads": 32,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
        "layer_norm_epsilon": 1e-6,
        "feed_forward_proj": "relu",
    },
    "esm": {
        "vocab_size": 33,
        "hidden_size": 1280,
        "num_hidden_layers": 2,
        "num_attention_heads": 20,
        "intermediate_size": 5120,
        "layer_norm_eps": 1e-5,
        "token_dropout": True,
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
    },
}
