#!/usr/bin/env python3
"""Write a folder for a run of real proteins through five models with random weights.

FASTA and sheet, the config, and each model in the files and under the tensor names that its
repository publishes: full width, `--layers` layers. Then, in that folder:

    snakemake all validate --cores 1 --snakefile SEQLOOM/Snakefile \\
        --profile SEQLOOM/profiles/local --configfile config.yaml
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
import transformers
from torch import Tensor

from proteins import LEARNED, real_proteins
from seqloom.demo.model_shapes import CONFIGS
from seqloom.files.checksums import sha256

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "unit"))

from models_data import published_esm, randomize
from published_models import (
    ESMC,
    STRUCTURE,
    published_esmc,
    random_esmc,
    sentencepiece_folder,
)

CONFIG = """\
samples: samples.tsv
fusions: {five: [esm2_3b, esm_c_600m, esm1b, prot_t5_xl, prost_t5]}
protein_backends: [five]
export: [pt, npy, hdf5, uniprot]
embed: {too_long: split, shard_bases: 1000000}
models:
"""


def tensors_of(made: transformers.PreTrainedModel) -> dict[str, Tensor]:
    randomize(made)
    return made.state_dict()


def save(folder: Path, config: Mapping[str, object], *parts: Mapping[str, Tensor]) -> None:
    """The config and the checkpoint, in one file or in numbered ones."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    for number, part in enumerate(parts, start=1):
        shard = f"-{number:05}-of-{len(parts):05}" if len(parts) > 1 else ""
        torch.save(dict(part), folder / f"pytorch_model{shard}.bin")


def write_esm(folder: Path, parts: int, config: dict) -> None:
    made = transformers.EsmForMaskedLM(transformers.EsmConfig(**config, mask_token_id=32))
    tensors = list(tensors_of(made).items())
    save(folder, config, *(dict(tensors[part::parts]) for part in range(parts)))


def write_esmc(folder: Path, layers: int) -> None:
    config = ESMC["esm_c_600m"] | {"n_layers": layers}
    save(folder, config, published_esmc(random_esmc(config)))
    transformers.EsmcTokenizer().save_pretrained(folder)


def write_t5(folder: Path, kind: type, layers: int, vocabulary: int) -> None:
    config = CONFIGS["t5"] | {"num_layers": layers, "vocab_size": vocabulary}
    tensors = tensors_of(kind(transformers.T5Config(**config)))
    save(folder, config, {name: tensor.half() for name, tensor in tensors.items()})
    sentencepiece_folder(folder, STRUCTURE if vocabulary > 128 else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--proteins", type=int, default=2000)
    parser.add_argument("--layers", type=int, default=1)
    options = parser.parse_args()
    weights, layers = options.folder / "weights", options.layers
    torch.manual_seed(0)
    with torch.no_grad():
        write_esm(weights / "esm2_3b", 2, published_esm(2560, layers, 40))
        positions = LEARNED | {"emb_layer_norm_before": True}
        write_esm(weights / "esm1b", 1, published_esm(1280, layers, 20, **positions))
        write_esmc(weights / "esm_c_600m", layers)
        write_t5(weights / "prot_t5_xl", transformers.T5EncoderModel, layers, 128)
        write_t5(weights / "prost_t5", transformers.T5ForConditionalGeneration, layers, 150)
    lines = [CONFIG]
    for folder in sorted(weights.iterdir()):
        # The registry pins other weights.
        digests = ",".join(map(sha256, sorted(folder.glob("*.bin"))))
        source = f"{{local: weights/{folder.name}, sha256: '{digests}'}}"
        lines.append(f"  {folder.name}: {source}\n")
    (options.folder / "config.yaml").write_text("".join(lines))
    (options.folder / "samples.tsv").write_text(
        "sample\tfasta\tmolecule\nreal\treal.faa\tprotein\n"
    )
    proteins = real_proteins(options.proteins)
    records = (f">P{number:04}\n{protein}\n" for number, protein in enumerate(proteins))
    (options.folder / "real.faa").write_text("".join(records))
    lengths = sorted(map(len, proteins))
    print(f"{len(proteins)} proteins, {sum(lengths)} residues, the longest {lengths[-1]}")


if __name__ == "__main__":
    main()
