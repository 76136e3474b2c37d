"""Any encoder of the transformers library, for the backends of the user's config.

The library is imported where it is needed: no other backend waits for it. Code of a repository is
never run.
"""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from seqloom.encoders.layers import Encoder
from seqloom.encoders.tokenizers import kmer_tokenizer, kmer_vocabulary
from seqloom.errors import InputError


class Auto(Encoder):
    """The model that transformers has for a config.json; of an encoder and decoder the encoder."""

    compiles = False

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        from transformers.initialization import no_init_weights

        kind, self.config = _kind_and_config(config)
        known = inspect.signature(kind).parameters
        # Few checkpoints have a pooler; what it gives is not used.
        self.options = {"add_pooling_layer": False} if "add_pooling_layer" in known else {}
        self.padding = getattr(self.config, "pad_token_id", None) or 0
        # Not on the meta device: no checkpoint has the tables that a model computes for itself.
        with torch.device("cpu"), no_init_weights():
            self.model = kind(self.config, **self.options)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [batch, length] -> states [batch, length, width]; mask: False at padding."""
        mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
        # Some models find positions or padding by the id.
        ids = ids.long().masked_fill(~mask, self.padding)
        states = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return states.float()

    def set_precision(self, dtype: torch.dtype) -> None:
        """All weights in `dtype`; computed tables stay in float32, as transformers has them."""
        self.float()
        for parameter in self.parameters():
            parameter.data = parameter.data.to(dtype)

    def own_tensors(self, checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors by the names used here, without heads; as transformers would load them."""
        wanted = self.state_dict().keys()
        if checkpoint.keys() == wanted:
            return dict(checkpoint)
        model, found = type(self.model).from_pretrained(
            None,
            config=self.config,
            state_dict=dict(checkpoint),
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **self.options,
        )
        loaded = model.state_dict()
        named = {name: loaded[name] for name in loaded.keys() - found["missing_keys"]}
        for name, shape, _ in found["mismatched_keys"]:
            named[name] = torch.empty(shape, device="meta")
        # A head may be left out, but not a layer that the config does not count.
        layers = {re.sub(r"\d+", "#", name) for name in loaded}
        for name in found["unexpected_keys"]:
            own_name = name.removeprefix(f"{model.base_model_prefix}.")
            if re.sub(r"\d+", "#", own_name) in layers:
                named[own_name] = torch.empty(0)
        return _each_with_its_own_memory({f"model.{name}": t for name, t in named.items()})


def _each_with_its_own_memory(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A table that a model uses under two names is saved under both."""
    seen: set[int] = set()
    for name, tensor in tensors.items():
        if tensor.data_ptr() in seen:
            tensors[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    return tensors


def _kind_and_config(config: Mapping[str, Any]) -> tuple[type, Any]:
    """The class of the model, and its config as an object."""
    from transformers import CONFIG_MAPPING, MODEL_FOR_TEXT_ENCODING_MAPPING, MODEL_MAPPING, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    name = config["model_type"]
    if name not in CONFIG_MAPPING:
        code = ", and the code of a repository is never run" if "auto_map" in config else ""
        raise ValueError(f'transformers has no model of the type "{name}"{code}; take another')
    known = CONFIG_MAPPING[name].from_dict(dict(config))
    # Of an encoder and decoder this has the encoder.
    kinds = MODEL_FOR_TEXT_ENCODING_MAPPING if known.is_encoder_decoder else MODEL_MAPPING
    if type(known) not in kinds:
        raise ValueError(f'transformers has no encoder alone of the type "{name}"; take another')
    known.use_cache = False
    kind = kinds[type(known)]
    return (kind[0] if isinstance(kind, list | tuple) else kind), known


def auto_tokenizer(folder: Path) -> Tokenizer:
    """What transformers reads from a published folder, as a tokenizer that does without it."""
    from transformers import AutoTokenizer, EsmTokenizer

    try:
        found = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # whatever a file that is absent or damaged leads it to
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{folder}: transformers reads no tokenizer here ({reason}); add tokenizer.json"
        ) from error
    if isinstance(found, EsmTokenizer):
        first, last, unknown = found.cls_token, found.eos_token, found.unk_token
        vocabulary = kmer_vocabulary(found.all_tokens, folder)
        return kmer_tokenizer(vocabulary, first, last, unknown)
    if not found.is_fast:
        raise InputError(
            f"{folder}: its tokenizer ({type(found).__name__}) is in Python, which is too slow "
            "here and not read; save it as tokenizer.json"
        )
    return found.backend_tokenizer
