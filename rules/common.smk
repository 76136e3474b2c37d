"""What the rules ask of the settings: names of files, flags of scripts. Plain functions, no rule."""

import hashlib
import json
import math
import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from seqloom import CALL_VERSION
from seqloom import CUT_VERSION
from seqloom import ENGINE_VERSION
from seqloom import LEARN_VERSION
from seqloom.files.checksums import checksum_of
from seqloom.errors import InputError
from seqloom.files.folders import check_writable
from seqloom.files.folders import hold_folder
from seqloom.config.schemas import read_yaml
from seqloom.config.settings import REFSEQ_FOLDER
from seqloom.config.settings import WHOLE
from seqloom.config.settings import load_settings
from seqloom.config.sharding import shard_patterns
from seqloom.config.sheet_files import DEMO_FOLDER
from seqloom.config.sizes import genome_mb
from seqloom.config.sizes import matrix_mb
from seqloom.config.sizes import sequence_mb
from seqloom.config.sizes import shard_frames
from seqloom.config.sizes import frames as frames_in
from seqloom.report.terminal import show_short
from snakemake.exceptions import WorkflowError

# Scripts are called by name, with the Python that runs Snakemake, activated or not; --sdm brings another.
FOLDERS = [str(Path(workflow.basedir) / "workflow" / "scripts")]
if not workflow.deployment_settings.deployment_method:
    FOLDERS.insert(0, os.path.dirname(sys.executable))
# `--fasta @<(lines a.fa b.fa)`: thousands of words do not fit on a command line, but in a file.
shell.prefix(
    f"export PATH={shlex.quote(':'.join(FOLDERS))}:$PATH; set -euo pipefail; "
    "lines() {{ printf '%s\\n' \"$@\"; }}; "
)

show_short(workflow)

try:
    if not workflow.output_settings.dryrun:
        check_writable([".snakemake", "results", "logs", "models", "work"])
    for file in [file for file in workflow.configfiles if Path(file).suffix != ".json"]:
        read_yaml(file)  # refuses a key that is given twice, of which Snakemake takes the last
    SETTINGS = load_settings(config)
except InputError as error:
    raise WorkflowError(str(error)) from None


# Of files of the user: what was read once is read again only after it was touched.
CHECKSUMS = Path("work/checksums.tsv")


def hold_this_folder():
    """Let no second run in; unlike Snakemake's lock (off in our profiles) this one ends with kill -9."""
    global RUN_LOCK
    try:
        RUN_LOCK = hold_folder(".snakemake/run.lock")
    except InputError as error:
        raise WorkflowError(str(error)) from None


def one_of(names):
    """A wildcard constraint that admits these names only; nothing if there is none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    sample=one_of(SETTINGS.samples),
    cut=one_of([*SETTINGS["cuts"], WHOLE]),
    backend=one_of(SETTINGS.backends),
    fusion=one_of(SETTINGS["fusions"]),
    experiment=one_of(SETTINGS["experiments"]),
    shard=r"\d{4}\d*-of-\d{4}\d*",
    model="[0-9a-f]{12}",


def flags(settings):
    """`{"max_frames": 5}` as `--max-frames 5`; a None and an empty list are left out."""
    words = []
    for key, value in settings.items():
        if value not in (None, []):
            values = value if isinstance(value, list) else [value]
            words += [f"--{key.replace('_', '-')}", *map(str, values)]
    return shlex.join(words)


def sample_row(wildcards):
    return SETTINGS.samples[wildcards.sample]


def made_here(paths):
    """Those of the paths that the workflow makes or fetches itself."""
    return [path for path in paths if path.startswith(DEMO_FOLDER) or path in SETTINGS.downloads]


def content(paths):
    """A checksum of what is in files of the user: neither their names nor their times count."""
    made = set(made_here(paths))
    return digest([path if path in made else checksum_of(path, CHECKSUMS) for path in paths])


def digest(values):
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def growing(need):
    """A resource that grows with every attempt, from a number or a function of the wildcards."""
    return lambda wildcards, attempt: math.ceil(
        (need(wildcards) if callable(need) else need) * attempt
    )


def letters_mb(wildcards):
    return genome_mb(SETTINGS, [wildcards.sample])


def shard_mb(wildcards, backends):
    """Size of a matrix of one shard."""
    return matrix_mb(SETTINGS, backends, shard_frames(SETTINGS, wildcards.cut, wildcards.sample))


def fused_mb(cut, fusion, samples):
    """Size of all fused matrices of the samples."""
    rows = sum(frames_in(SETTINGS, cut, sample) for sample in samples)
    return matrix_mb(SETTINGS, SETTINGS["fusions"][fusion], rows)


def training_mb(wildcards):
    experiment = experiment_of(wildcards)
    return fused_mb(experiment["cut"], experiment["fusion"], SETTINGS.labeled())


def training_letters_mb(wildcards):
    cut = experiment_of(wildcards)["cut"]
    rows = sum(frames_in(SETTINGS, cut, sample) for sample in SETTINGS.labeled())
    return sequence_mb(SETTINGS, cut, rows)


def memory_to_embed(wildcards):
    """Weights are read, converted and laid out anew: three copies in float32."""
    backend = SETTINGS.backends[wildcards.backend]
    return 2000 + 12 * backend.parameters + 3 * shard_mb(wildcards, [wildcards.backend])


def memory_to_predict(wildcards):
    cut, fusion = (experiment_of(wildcards)[key] for key in ("cut", "fusion"))
    rows = shard_frames(SETTINGS, cut, wildcards.sample)
    shard = matrix_mb(SETTINGS, SETTINGS["fusions"][fusion], rows)
    return 3000 + 3 * shard + 0.1 * fused_mb(cut, fusion, [wildcards.sample])


def download_flags(wildcards):
    """The address of a listed file, and what proves that it is whole."""
    return flags(vars(SETTINGS.downloads[REFSEQ_FOLDER + wildcards.file]))


def cut_flags(wildcards):
    """How this cut reads this sample."""
    cut = SETTINGS["cuts"][wildcards.cut]
    return flags(cut | {"genetic_code": sample_row(wildcards).genetic_code})


def experiment_of(wildcards):
    return SETTINGS["experiments"][wildcards.experiment]


def model_folder(wildcards):
    """Where a model lies: other weights, or other ways to read them, lie elsewhere.

    So what needs them is made again, while the same weights fetched again change nothing.
    """
    backend = SETTINGS.backends[wildcards.backend]
    given = SETTINGS["models"].get(wildcards.backend, {})
    if "local" in given:
        weights = content(sorted(map(str, filter(Path.is_file, Path(given["local"]).iterdir()))))
    else:
        weights = given.get("sha256") or backend.identity
    reading = [backend.architecture, backend.pooling, backend.max_length, backend.dtype]
    return f"models/{wildcards.backend}/{digest([weights, *reading])[:12]}"


def model_files(wildcards):
    names = ["config.json", "model.safetensors", "tokenizer.json", "model.json"]
    return [f"{model_folder(wildcards)}/{name}" for name in names]


def model_flags(wildcards, output):
    """Where fetch_model.py takes the weights from."""
    return flags(SETTINGS["models"].get(wildcards.backend, {}))


def plan_flags(wildcards):
    """How the windows of a sample are counted and chosen."""
    most = sample_row(wildcards).max_frames
    # Where all windows are read the seed changes nothing.
    chosen = flags({"max_frames": most, "seed": SETTINGS["seed"]} if most else {})
    if wildcards.cut == WHOLE:
        return f"--whole {chosen}"
    coding = coding_tables(wildcards.cut, wildcards.sample)
    return f"{cut_flags(wildcards)} {chosen} {flags({'coding': coding})}"


def coding_tables(cut, sample):
    """The coding sequences of a sample, if it trains on those alone."""
    return [f"results/coding/{sample}.parquet"] if SETTINGS.trains_on_coding(cut, sample) else []


def plan_inputs(wildcards):
    """The indexed genome of a sample, and its coding sequences if the cut asks for them."""
    names = {"genome": "fa.gz", "fai": "fa.gz.fai", "gzi": "fa.gz.gzi", "records": "tsv"}
    files = {name: f"results/genomes/{wildcards.sample}.{end}" for name, end in names.items()}
    return files | {"coding": coding_tables(wildcards.cut, wildcards.sample)}


def shard_letters(wildcards):
    """The sequences of a shard that a backend reads."""
    suffix = "fna" if SETTINGS.backends[wildcards.backend].molecule == "dna" else "faa"
    return f"results/shards/{{cut}}/{{sample}}/{{shard}}.{suffix}"


def paths_of_shards(template, cut, samples, **names):
    """One path per shard of the samples, in the order of the sheet."""
    return [
        template.format(cut=cut, sample=sample, shard=shard, **names)
        for sample in samples
        for shard in SETTINGS.shards(cut, sample)
    ]


def frame_tables(cut, samples):
    return paths_of_shards("results/shards/{cut}/{sample}/{shard}.parquet", cut, samples)


def embeddings(backend, cut, samples):
    return paths_of_shards(
        "results/embeddings/{backend}/{cut}/{sample}/{shard}.safetensors",
        cut,
        samples,
        backend=backend,
    )


def fused(fusion, cut, samples):
    return paths_of_shards(
        "results/fused/{fusion}/{cut}/{sample}/{shard}.safetensors", cut, samples, fusion=fusion
    )


def training_inputs(wildcards):
    """Split, frame tables and fused matrices of an experiment, each list in the same order."""
    experiment = experiment_of(wildcards)
    labeled = SETTINGS.labeled()
    return {
        "split": f"results/splits/{wildcards.experiment}.parquet",
        "frames": frame_tables(experiment["cut"], labeled),
        "fused": fused(experiment["fusion"], experiment["cut"], labeled),
    }


def training_inputs_of_baseline(wildcards):
    """Split, frame tables and nucleotides of an experiment: no embedding."""
    cut, labeled = experiment_of(wildcards)["cut"], SETTINGS.labeled()
    return {
        "split": f"results/splits/{wildcards.experiment}.parquet",
        "frames": frame_tables(cut, labeled),
        "dna": paths_of_shards("results/shards/{cut}/{sample}/{shard}.fna", cut, labeled),
    }


def split_inputs(wildcards):
    cut = experiment_of(wildcards)["cut"]
    labeled = SETTINGS.labeled()
    return {
        "contigs": expand("results/contigs/{cut}/{sample}.tsv", cut=cut, sample=labeled),
        "genomes": expand("results/genomes/{sample}.fa.gz", sample=labeled),
        "groups": made_here(row.groups for row in labeled_rows() if row.groups),
    }


def labeled_rows():
    return [SETTINGS.samples[name] for name in SETTINGS.labeled()]


def labeled_samples(wildcards, output):
    """A JSON object for each labeled row of the sheet."""
    return [
        json.dumps({"sample": r.name, "label": r.label, "category": r.category, "groups": r.groups})
        for r in labeled_rows()
    ]


def content_of_labels(wildcards):
    """A checksum of what the sheet and the groups files say of labeled samples."""
    return digest(
        [
            [row.name, row.label, row.category, row.groups and content([row.groups])]
            for row in labeled_rows()
        ]
    )


def prediction_inputs(wildcards):
    """Frames and fused matrices of the query sample, as the experiment reads them."""
    experiment = experiment_of(wildcards)
    cut, sample = experiment["cut"], [wildcards.sample]
    return {
        "contigs": f"results/contigs/{cut}/{wildcards.sample}.tsv",
        "frames": frame_tables(cut, sample),
        "fused": fused(experiment["fusion"], cut, sample),
    }


def cuts_and_backends():
    """Every (cut, backend) that an experiment uses."""
    return sorted(
        {
            (experiment["cut"], backend)
            for experiment in SETTINGS["experiments"].values()
            for backend in SETTINGS["fusions"][experiment["fusion"]]
        }
    )


def all_matrices():
    """(backend, cut, sample) of everything that is embedded."""
    dna = [(b, c, s) for c, b in cuts_and_backends() for s in SETTINGS.of_molecule("dna")]
    proteins = [
        (b, WHOLE, s) for b in SETTINGS["protein_backends"] for s in SETTINGS.of_molecule("protein")
    ]
    return dna + proteins


def cuts_and_samples():
    """Every (cut, sample) of what is embedded, or exported as frames alone."""
    frames = [(c, s) for c in SETTINGS.cuts_in_use() for s in SETTINGS.of_molecule("dna")]
    return list(dict.fromkeys([*frames, *((cut, sample) for _, cut, sample in all_matrices())]))


def all_embeddings():
    return [path for b, c, s in all_matrices() for path in embeddings(b, c, [s])]


def all_fused():
    """What training reads of every experiment, and prediction of those that predict."""
    return [
        path
        for name, e in SETTINGS["experiments"].items()
        for path in fused(
            e["fusion"],
            e["cut"],
            SETTINGS.labeled()
            + (SETTINGS.queries() if name in SETTINGS["predict"]["experiments"] else []),
        )
    ]


def shards_of_all():
    """Tables and sequences of every shard that is embedded or exported."""
    return [
        path
        for cut, sample in cuts_and_samples()
        for path in expand(
            rules.proteins.output if cut == WHOLE else rules.frames.output,
            cut=cut,
            sample=sample,
            shard=SETTINGS.shards(cut, sample),
        )
    ]


def everything():
    """Every result: Snakemake overlooks a lost file in the middle unless a target asks for it."""
    names = SETTINGS["experiments"]
    return [
        *expand(rules.index.output, sample=SETTINGS.samples),
        *[
            path
            for cut, sample in cuts_and_samples()
            for path in [
                *coding_tables(cut, sample),
                *expand(rules.plan.output, cut=cut, sample=sample),
            ]
        ],
        *shards_of_all(),
        *all_embeddings(),
        *all_fused(),
        *expand(rules.split.output, experiment=names),
        *classifiers(),
        *evaluations(),
        *predictions(),
        *exported_files(),
    ]


def classifiers():
    return expand(rules.train_classifier.output, experiment=SETTINGS["experiments"])


def evaluations():
    names = SETTINGS["experiments"]
    made = expand([*rules.evaluate_classifier.output, *rules.baseline.output], experiment=names)
    return [*made, *rules.compare.output] if names else []


def predictions():
    return expand(
        rules.predict_sample.output,
        experiment=SETTINGS["predict"]["experiments"],
        sample=SETTINGS.queries(),
    )


def exported_files():
    matrices = {"npy": rules.export_npy.output, "hdf5": rules.export_hdf5.output}
    paths = [
        path
        for form in ("npy", "hdf5")
        if form in SETTINGS["export"]
        for b, c, s in all_matrices()
        for path in expand(matrices[form], backend=b, cut=c, sample=s)
    ]
    if "virnucpro" in SETTINGS["export"]:
        paths += [
            path
            for c, f in SETTINGS.legacy_cuts_and_fusions()
            for path in expand(
                rules.export_virnucpro.output, fusion=f, cut=c, sample=SETTINGS.of_molecule("dna")
            )
        ]
        paths += expand(
            rules.export_identified.output,
            cut=SETTINGS.legacy_cuts(),
            sample=SETTINGS.of_molecule("dna"),
        )
    return paths


def matrix_inputs(wildcards):
    """Frame tables and embeddings of one sample, shard by shard."""
    return {
        "frames": frame_tables(wildcards.cut, [wildcards.sample]),
        "embeddings": embeddings(wildcards.backend, wildcards.cut, [wildcards.sample]),
    }


def shard_fasta(wildcards):
    """Frame tables of one sample and the two FASTA files beside each."""
    tables = frame_tables(wildcards.cut, [wildcards.sample])
    dna, protein = (
        [path.replace(".parquet", suffix) for path in tables] for suffix in (".fna", ".faa")
    )
    return {"frames": tables, "dna": dna, "protein": protein}


def legacy_inputs(wildcards):
    """What the legacy export joins: both embeddings and their fusion."""
    cut, sample = wildcards.cut, [wildcards.sample]
    dna, protein = SETTINGS["fusions"][wildcards.fusion]
    return {
        "frames": frame_tables(cut, sample),
        "dna": embeddings(dna, cut, sample),
        "protein": embeddings(protein, cut, sample),
        "fused": fused(wildcards.fusion, cut, sample),
    }


def report_inputs(wildcards):
    """What the report shows beside evaluations and predictions."""
    names = SETTINGS["experiments"]
    return {
        "genomes": expand("results/genomes/{sample}.json", sample=SETTINGS.samples),
        "audits": expand("results/splits/{experiment}.audit.tsv", experiment=names),
        "classifiers": classifiers(),
    }


def report_flags():
    """The folders and files the report reads; what the config does not ask for is left out."""
    names, inputs = list(SETTINGS["experiments"]), report_inputs(None)
    # Another mirror makes no other report.
    refseq = SETTINGS["refseq"] and SETTINGS["refseq"] | {"mirror": None}
    comparison = "results/comparison/comparison"
    return flags(
        {
            "evaluations": [f"results/evaluation/{n}" for n in names],
            "classifiers": [f"results/classifiers/{n}" for n in names],
            "comparison": f"{comparison}.tsv" if names else None,
            "figure": f"{comparison}.svg" if names else None,
            "predictions": list(dict.fromkeys(map(os.path.dirname, predictions()))),
            "genomes": inputs["genomes"],
            "audits": inputs["audits"],
            "settings": json.dumps(SETTINGS.values | {"refseq": refseq}),
        }
    )
