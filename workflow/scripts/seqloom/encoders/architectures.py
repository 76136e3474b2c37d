"""The encoders by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from seqloom.encoders.dnabert import Dnabert
from seqloom.encoders.esm import Esm
from seqloom.encoders.esmc import Esmc
from seqloom.encoders.layers import Encoder
from seqloom.errors import InputError

ARCHITECTURES = {"dnabert": Dnabert, "esm": Esm, "esmc": Esmc}


def build_encoder(architecture: str, config: Mapping[str, Any], where: str | Path) -> Encoder:
    """An encoder of the shape that `config` (of the file `where`) gives, without weights yet."""
    try:
        # On the meta device nothing is allocated and no random weights are drawn.
        with torch.device("meta"):
            return ARCHITECTURES[architecture](config).eval()
    except KeyError as error:
        raise InputError(f"{where}: {error} is missing, which {architecture} needs") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}") from error
