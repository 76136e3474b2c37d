"""Model folders: weights checked against a checksum, converted to safetensors, held to a lock."""

import fcntl
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor

from seqloom.config.registry import Backend
from seqloom.demo.model_shapes import CONFIGS
from seqloom.demo.simulate import simulate
from seqloom.encoders.architectures import ARCHITECTURES, build_encoder
from seqloom.encoders.readings import Reading, reading_of
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.checksums import sha256
from seqloom.files.json_files import read_json, write_json
from seqloom.files.provenance import provenance
from seqloom.models.hub import downloaded
from seqloom.models.random_weights import random_tensors
from seqloom.models.weights import encoder_tensors, read_tensors, weight_files, write_weights

log = logging.getLogger(__name__)

# Of the genomes that demo tokenizers learn from, whatever genomes they are to read.
_TRAINING_SEED = 1
# What stored proteins are written in.
_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWYBJOUXZ"


@dataclass(frozen=True)
class Source:
    """A model as it was found or made, ready to be written."""

    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    tokenizer: Tokenizer
    reading: Reading
    sha256: str | None = None
    repository: str | None = None
    revision: str | None = None
    inputs: tuple[Path, ...] = ()


def demo_source(backend: Backend) -> Source:
    """Random weights from the seed of the backend; a DNA tokenizer is learned from demo genomes."""
    shape = dict(backend.demo or {})
    seed = shape.pop("seed")
    config = CONFIGS[backend.architecture] | shape
    encoder = build_encoder(backend.architecture, config, "models.yaml")
    tokenizer = ARCHITECTURES[backend.architecture].demo_tokenizer(_demo_sequences())
    reading = reading_of(backend.architecture, backend.molecule, backend.reading, tokenizer)
    return Source(config, random_tensors(encoder, seed), tokenizer, reading)


def _demo_sequences() -> Iterator[str]:
    for contigs in simulate(_TRAINING_SEED).genomes.values():
        yield from (contig.sequence for contig in contigs)


def downloaded_source(
    backend: Backend, expected: str | None, lock: Path, downloads: Path
) -> Source:
    """The model as its repository has it; what the registry does not pin is held by the lock."""
    held = read_json(lock).get(backend.name, {}) if lock.exists() else {}
    # A revision that is known to have other weights than those that are meant is of no use.
    if expected not in (None, held.get("source_sha256")):
        held = {}
    meant = _as_meant(backend, expected)
    folder = downloaded(meant, meant.revision or held.get("revision"), downloads)
    return local_source(backend, folder, expected or held.get("source_sha256"), folder.name)


def _as_meant(backend: Backend, expected: str | None) -> Backend:
    """The backend; without its pins if they are of other weights than those that are expected."""
    if not backend.sha256 or expected in (None, backend.sha256):
        return backend
    return replace(backend, revision=None, sha256=None, files=())


def local_source(
    backend: Backend, folder: Path, expected: str | None, revision: str | None = None
) -> Source:
    """A model folder as published or fine-tuned; its weights must have the checksum `expected`.

    `revision` is the commit of the repository that the folder is known to be.
    """
    meant = _as_meant(backend, expected)
    config = _read_config(folder / "config.json")
    files = weight_files(folder, meant.files)
    found = _checked_sha256(backend, files, expected)
    encoder = build_encoder(backend.architecture, config, folder / "config.json")
    tensors = encoder_tensors(read_tensors(files), encoder, folder)
    tokenizer = ARCHITECTURES[backend.architecture].tokenizer(folder)
    try:
        reading = reading_of(backend.architecture, backend.molecule, backend.reading, tokenizer)
    except ValueError as error:
        raise InputError(f"{folder}: {error}") from error
    _check_fit(backend, config, tokenizer, reading, folder)
    # Of a folder or a checksum of the user's, only the pinned weights are known to be published.
    published = found == backend.sha256 or (revision is not None and meant is backend)
    return Source(
        config=config,
        tensors=tensors,
        tokenizer=tokenizer,
        reading=reading,
        sha256=found,
        repository=backend.repository if published else None,
        revision=revision or (backend.revision if published else None),
        inputs=(folder / "config.json",),
    )


def write_model(
    backend: Backend, source: Source, out: Path, lock: Path, replace_lock: bool
) -> None:
    """Write config.json, model.safetensors, tokenizer.json, model.json, all or none of them."""
    names = ("config.json", "model.safetensors", "tokenizer.json", "model.json")
    with atomic_all([out / name for name in names]) as [config, weights, tokenizer, model]:
        write_json(config, source.config)
        source.tokenizer.save(str(tokenizer))
        write_weights(weights, source.tensors)
        origin = {
            "source_sha256": source.sha256,
            "weights_sha256": sha256(weights),
            "config_sha256": sha256(config),
            "tokenizer_sha256": sha256(tokenizer),
            "repository": source.repository,
            "revision": source.revision,
        }
        # A demo model follows from models.yaml; there is nothing to hold it to.
        if backend.demo is None:
            hold_to_lock(lock, backend, origin, replace_lock)
        libraries = ARCHITECTURES[backend.architecture].libraries
        description = {
            "backend": backend.name,
            "architecture": backend.architecture,
            "molecule": backend.molecule,
            "width": backend.width,
            "pooling": backend.pooling,
            "reading": asdict(source.reading),
            "max_length": backend.max_length,
            "dtype": backend.dtype,
            **origin,
            "random": backend.demo is not None,
            "provenance": provenance(
                "fetch_model",
                inputs={file.name: file for file in source.inputs},
                settings={"demo": backend.demo},
                packages=("torch", "safetensors", "tokenizers", *libraries),
            ),
        }
        write_json(model, description)
    log.info("%s: %d tensors, sha256 %s", out, len(source.tensors), origin["weights_sha256"])


def hold_to_lock(
    path: Path, backend: Backend, origin: Mapping[str, str | None], replace: bool = False
) -> None:
    """Record where a model came from; a later, different one is an error unless `replace`."""
    with _one_at_a_time(path):
        lock = read_json(path) if path.exists() else {}
        first = lock.get(backend.name, {})
        # The same files may lie in another commit, or in a folder.
        changed = [key for key in first if "sha256" in key and first[key] != origin[key]]
        if changed and not replace:
            key = changed[0]
            raise InputError(
                f"{path}: {backend.name} was first fetched with {key} {first[key]}, now it is "
                f"{origin[key]}; if that is meant, give the sha256 of its weights in the config "
                f"({backend.section}: {backend.name}: sha256), so that all that depends on them is "
                "made again, or add the model under a new name"
            )
        held = origin if replace or not first else first
        write_json(path, dict(sorted({**lock, backend.name: held}.items())))


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Two models may be fetched at once, and the lock file is read and written as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.flock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _checked_sha256(backend: Backend, files: Sequence[Path], expected: str | None) -> str:
    """The checksums of the files, joined by commas as `expected` is."""
    found = [sha256(file) for file in files]
    wanted = expected.split(",") if expected else found
    if len(wanted) != len(found):
        raise InputError(
            f"{files[0].parent}: the weights of {backend.name} are {len(found)} files, but "
            f"{len(wanted)} sha256 are expected; give one of each, joined by commas"
        )
    for file, this, other in zip(files, found, wanted, strict=True):
        if this != other:
            # Of a file in the cache the content is to be removed, not the link.
            raise InputError(
                f"{file.resolve()}: the weights of {backend.name} have sha256 {this}, but {other} "
                "is expected; remove this file to fetch it again, or if it is meant, put its own "
                f"sha256 into the config ({backend.section}: {backend.name}: sha256)"
            )
    return ",".join(found)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read the model's config: {error}") from error


def _check_fit(
    backend: Backend,
    config: Mapping[str, Any],
    tokenizer: Tokenizer,
    reading: Reading,
    folder: Path,
) -> None:
    key = "d_model" if "d_model" in config else "hidden_size"
    # Not every config of transformers has these keys.
    if config.get(key, backend.width) != backend.width:
        raise InputError(
            f"{folder}/config.json: {key} is {config[key]}, but {backend.described_in} gives "
            f"{backend.name} the width {backend.width}; is it another model?"
        )
    tokens = max(tokenizer.get_vocab().values()) + 1
    if tokens > config.get("vocab_size", tokens):
        raise InputError(
            f"{folder}: the tokenizer has {tokens} tokens, the model only {config['vocab_size']}; "
            "they do not belong together"
        )
    if ARCHITECTURES[backend.architecture].before is None:
        return
    letters = ["", *(_AMINO_ACIDS if backend.molecule == "protein" else "ACGT")]
    ids = reading.token_ids(tokenizer, letters)
    first, last = ids[0][: reading.before], ids[0][reading.before :]
    around = [[*first, *one[reading.before : reading.before + 1], *last] for one in ids[1:]]
    if len(last) != reading.after or ids[1:] != around:
        raise InputError(
            f"{folder}: the tokenizer does not put {reading.before} special token(s) before and "
            f"{reading.after} after a sequence of one letter; take the tokenizer that was "
            "published with the model"
        )
