"""Problems of a configuration that a schema cannot find, such as names that do not exist."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqloom.config.cut import WHOLE
from seqloom.config.registry import REGISTRY, Backend, read_backend
from seqloom.config.schemas import hint_of, read_yaml

if TYPE_CHECKING:
    from seqloom.config.settings import Settings

_MOST_RESIDUE_BYTES = 16e9  # in a shard; a job takes a little more
# DNABERT-S had 4.51 to 5.43 in 9 kb windows of viruses, bacteria and yeast.
_BASES_PER_TOKEN = (4.5, 5.5)


def problems(settings: "Settings") -> Iterator[str]:
    """The sentences, one for each."""
    for name, experiment in settings["experiments"].items():
        for key in ("cut", "fusion"):
            names = settings[f"{key}s"]
            if experiment[key] not in names:
                hint = hint_of(experiment[key], names)
                yield f'config: experiments.{name}.{key}: "{experiment[key]}" does not exist{hint}'
        if abs(sum(experiment["split"]["fractions"]) - 1) > 1e-6:
            yield f"config: experiments.{name}.split.fractions do not sum to 1; correct them"
        missing = {"viral", "host"} - {s.label for s in settings.samples.values()}
        if missing:
            yield (
                f"{settings['samples']}: experiment {name} needs samples of both labels, "
                f"but none is {' or '.join(sorted(missing))}; fill the column label"
            )
        yield from _window_problems(settings, experiment["cut"], experiment["fusion"])
    for cut in settings.used_cuts():
        for sample in settings.labeled():
            if (
                settings.trains_on_coding(cut, sample)
                and not settings.samples[sample].annotation_cell
            ):
                yield (
                    f"{settings['samples']}: sample {sample} needs an annotation, because cut "
                    f"{cut} takes coding frames only; fill the column, or set "
                    f"cuts.{cut}.training: all"
                )
    for name in settings["predict"]["experiments"]:
        if name not in settings.applied:
            hint = hint_of(name, settings["experiments"])
            yield f'config: predict.experiments: "{name}" is not an experiment{hint}'
    low, high = (settings["predict"][key] for key in ("host_threshold", "threshold"))
    if low > high:
        yield f"config: predict.host_threshold: {low} is above predict.threshold {high}; lower it"
    legacy = settings.legacy_cuts() + settings.legacy_cuts_and_fusions()
    if "virnucpro" in settings["export"] and not legacy:
        yield (
            "config: export: virnucpro needs a cut with the scheme and frames of virnucpro, or an "
            "experiment that fuses a DNA and a protein backend; add one"
        )
    known = read_yaml(REGISTRY).keys()
    for fusion in sorted(settings["fusions"].keys() & (known | settings["backends"].keys())):
        yield f'config: fusions: "{fusion}" is the name of a backend; give the fusion another'
    if "pt" in settings["export"] and WHOLE not in {
        cut for _, cut, _ in settings.exported_matrices()
    }:
        yield (
            "config: export: pt is for protein samples; add one to the sheet and its backends to "
            "protein_backends, or choose npy"
        )
    for name in settings["residue_backends"]:
        if settings.backends[name].molecule != "protein":
            yield f'config: residue_backends: "{name}" reads DNA; give a protein backend'
        yield from _residue_problems(settings, settings.backends[name])
    for name in settings["protein_backends"]:
        for backend in settings.backends_of(name):
            if settings.backends[backend].molecule != "protein":
                where = "protein_backends" + (f": {name}" if backend != name else "")
                yield f'config: {where}: "{backend}" reads DNA; give a protein backend'
    for name, entry in settings["backends"].items():
        if name in known:
            yield f'config: backends: "{name}" is a backend of models.yaml; choose another name'
        if ("repository" in entry) == ("local" in entry):
            yield f"config: backends.{name}: give either repository or local"
        if "local" in entry and not Path(entry["local"], "config.json").is_file():
            yield (
                f"config: backends.{name}.local: {entry['local']} is not a folder with a "
                "config.json; give the full path (without ~) of the folder with config.json, "
                "weights and tokenizer"
            )
    for name, model in settings["models"].items():
        if name in settings["backends"]:
            yield (
                f"config: models.{name}: it is one of `backends`; give local or sha256 there, and "
                "remove it here"
            )
        if read_backend(REGISTRY, name).demo:
            yield f"config: models.{name}: a demo model cannot be read from elsewhere; remove it"
        if "local" in model and not Path(model["local"]).is_dir():
            yield (
                f"config: models.{name}.local: {model['local']} is not a folder; give the "
                "full path (without ~) of the folder with config.json, weights and tokenizer"
            )


def _residue_problems(settings: "Settings", backend: Backend) -> Iterator[str]:
    """A problem if the residues of a shard are more than a job can hold."""
    bytes_per_residue = backend.width * settings.value_bytes
    most = int(_MOST_RESIDUE_BYTES / bytes_per_residue)
    for sample in settings.of_molecule("protein"):
        residues = settings.residues_per_shard(sample)
        if residues > most:
            yield (
                f"config: residue_backends: a shard of sample {sample} has {residues:,.0f} "
                f"residues, which take {residues * bytes_per_residue / 1e9:.0f} GB of memory with "
                f"{backend.name}; set `embed: {{shard_bases: {3 * most}}}`"
            )


def _window_problems(settings: "Settings", cut: str, fusion: str) -> Iterator[str]:
    """A problem if the windows of the cut are too long for a backend of the fusion."""
    window, frames = settings["cuts"][cut]["window"], settings["cuts"][cut]["frames"]
    # The longest ORF of a window may be short; other frames are as long as the window.
    if settings["embed"]["too_long"] == "split" or frames == "longest_orf":
        return
    longest = {}
    for backend in map(settings.backends.get, settings["fusions"][fusion]):
        if backend.is_own and backend.molecule == "dna":
            continue  # only its tokenizer knows
        tokens = backend.max_length - 2  # without the two special tokens
        fewest, most = _BASES_PER_TOKEN if backend.molecule == "dna" else (3, 3)
        if window // most > tokens:
            longest[int(tokens * fewest)] = backend.name
    if longest:
        yield (
            f"config: cuts.{cut}.window: {window} bp are too long for {longest[min(longest)]}, "
            f"which reads windows up to {min(longest)} bp; make them shorter, or set "
            "`embed: {too_long: split}`"
        )
