"""The names of all files of the workflow, defined here, in gene_paths.py and gene_model_paths.py.

A pattern has the wildcards of its rule in braces. `Paths` fills them in: the inputs of each rule
and the files of each target.
"""

from collections.abc import Iterable, Sequence

from seqloom.config.contents import files_from_rules, model_name
from seqloom.config.cut import WHOLE
from seqloom.config.settings import Settings


def beside(prefix: str, **ends: str) -> dict[str, str]:
    """Patterns that begin alike, by name."""
    return {name: f"{prefix}{end}" for name, end in ends.items()}


_STORED = "results/genomes/{sample}"
GENOME = beside(_STORED, genome=".fa.gz", fai=".fa.gz.fai", gzi=".fa.gz.gzi")
INDEX = GENOME | beside(_STORED, records=".tsv", card=".json")
CODING = "results/coding/{sample}.parquet"
PLAN = {"plan": "results/plans/{cut}/{sample}.parquet"}
PLAN |= beside("results/contigs/{cut}/{sample}", contigs=".tsv", card=".json")
SHARD = beside(
    "results/shards/{cut}/{sample}/{shard}", table=".parquet", dna=".fna", protein=".faa"
)
PROTEINS = {name: SHARD[name].replace("{cut}", WHOLE) for name in ("table", "protein")}
_MODEL_FOLDER = "models/{backend}/{model}"
MODEL = beside(
    _MODEL_FOLDER,
    config="/config.json",
    weights="/model.safetensors",
    tokenizer="/tokenizer.json",
    card="/model.json",
)
EMBEDDING = "results/embeddings/{backend}/{cut}/{sample}/{shard}.safetensors"
RECORDS = "results/records/{backend}/{sample}.tsv"
RESIDUES = "results/residues/{backend}/{sample}/{shard}.safetensors"
FUSED = "results/fused/{fusion}/{cut}/{sample}/{shard}.safetensors"
SPLIT = beside(
    "results/splits/{experiment}", table=".parquet", audit=".audit.tsv", leaks=".leaks.tsv"
)
_CLASSIFIER_FOLDER = "results/classifiers/{experiment}"
CLASSIFIER = beside(
    _CLASSIFIER_FOLDER,
    weights="/classifier.safetensors",
    card="/classifier.json",
    history="/history.tsv",
    model_card="/model_card.md",
)
_EVALUATION_FOLDER = "results/evaluation/{experiment}"
EVALUATION = beside(
    _EVALUATION_FOLDER,
    metrics="/metrics.json",
    predictions="/predictions.parquet",
    contigs="/contigs.parquet",
    strata="/strata.tsv",
    sweep="/sweep.tsv",
    roc="/roc.svg",
    calibration="/calibration.svg",
    sweep_figure="/sweep.svg",
    pca="/pca.svg",
)
COMPARISON = beside("results/comparison/comparison", table=".tsv", figure=".svg", card=".json")
PREDICTION = beside(
    "results/predictions/{experiment}/{sample}",
    contigs="/contigs.tsv",
    windows="/windows.parquet",
    regions="/regions.tsv",
    gff="/regions.gff3",
    bed="/regions.bed",
    region_fasta="/regions.fna.gz",
    fasta="/viral.fna.gz",
    card="/summary.json",
)
LEGACY_CALLS = beside(
    "results/predictions/{experiment}/{sample}/prediction_results",
    frames=".txt",
    highest="_highestscore.csv",
)
NPY = beside(
    "results/export/npy/{backend}/{cut}/{sample}", matrix=".npy", ids=".ids.txt", card=".json"
)
PT, PT_PUBLISHED = (
    beside(f"results/export/pt/{name}", matrix=".pt", ids=".ids.txt", card=".json")
    for name in ("{sample}.{backend}", "{sample}_embeddings_{backend}")
)
HDF5 = "results/export/hdf5/{backend}/{cut}/{sample}.h5"
RESIDUES_HDF5 = "results/export/residues/{backend}/{sample}.h5"
UNIPROT = "results/export/uniprot/{backend}/{cut}/{sample}.h5"
IDENTIFIED = beside(
    "results/export/virnucpro/{cut}/{sample}.identified",
    dna="_nucleotide.fa",
    protein="_protein.fa",
    card=".json",
)
VIRNUCPRO = beside(
    "results/export/virnucpro/{fusion}/{cut}/{sample}",
    dna="_DNABERT_S.pt",
    protein="_ESM.pt",
    merged="_merged.pt",
    card=".json",
)
VALIDATION = "results/validation/{sample}.tsv"
REPORT = {"page": "results/report.html", "summary": "results/summary.txt"}
REPORT |= {"calls": "results/calls.tsv", "multiqc": "results/seqloom_mqc.tsv"}


def filled(patterns: Iterable[str], **values: str) -> list[str]:
    return [pattern.format(**values) for pattern in patterns]


class Paths:
    """The files of a run; arguments of the methods are wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def shard_files(
        self, pattern: str, cut: str, samples: Sequence[str], **values: str
    ) -> list[str]:
        """One file per shard of the samples, in order."""
        return [
            pattern.format(cut=cut, sample=sample, shard=shard, **values)
            for sample in samples
            for shard in self.settings.shards(cut, sample)
        ]

    def tables(self, cut: str, samples: Sequence[str]) -> list[str]:
        return self.shard_files(SHARD["table"], cut, samples)

    def embeddings(self, backend: str, cut: str, samples: Sequence[str]) -> list[str]:
        return self.shard_files(EMBEDDING, cut, samples, backend=backend)

    def fused(self, fusion: str, cut: str, samples: Sequence[str]) -> list[str]:
        return self.shard_files(FUSED, cut, samples, fusion=fusion)

    # Inputs of the rules.

    def fasta(self, sample: str) -> tuple[str, ...]:
        return self.settings.samples[sample].fasta

    def annotation(self, sample: str) -> tuple[str, ...]:
        return self.settings.samples[sample].annotation

    def fasta_from_rules(self, sample: str) -> list[str]:
        return files_from_rules(self.settings, self.fasta(sample))

    def annotation_from_rules(self, sample: str) -> list[str]:
        return files_from_rules(self.settings, self.annotation(sample))

    def coding(self, cut: str, sample: str) -> list[str]:
        """The coding sequences of a sample, if it trains on coding frames only."""
        is_read = self.settings.trains_on_coding(cut, sample)
        return [CODING.format(sample=sample)] if is_read else []

    def sequences(self, backend: str) -> str:
        """The pattern of the sequence files that a backend reads."""
        return SHARD[self.settings.backends[backend].molecule]

    def model_folder(self, backend: str) -> str:
        return _MODEL_FOLDER.format(backend=backend, model=model_name(self.settings, backend))

    def model(self, backend: str) -> list[str]:
        name = model_name(self.settings, backend)
        return filled(MODEL.values(), backend=backend, model=name)

    def tokenizer(self, backend: str) -> str:
        return MODEL["tokenizer"].format(backend=backend, model=model_name(self.settings, backend))

    def fusion_inputs(self, fusion: str) -> list[str]:
        """The patterns of the embeddings that a fusion joins."""
        return [EMBEDDING.replace("{backend}", b) for b in self.settings["fusions"][fusion]]

    def split_inputs(self, experiment: str) -> dict[str, list[str]]:
        cut, labeled = self._cut(experiment), self.settings.labeled()
        groups = [self.settings.samples[sample].groups for sample in labeled]
        return {
            "contigs": [PLAN["contigs"].format(cut=cut, sample=sample) for sample in labeled],
            "genomes": [GENOME["genome"].format(sample=sample) for sample in labeled],
            "groups": files_from_rules(self.settings, filter(None, groups)),
        }

    def train_inputs(self, experiment: str) -> dict[str, str | list[str]]:
        """The split, and the shards of the labeled samples, in the same order in each list."""
        chosen = self.settings["experiments"][experiment]
        labeled = self.settings.labeled()
        return {
            "split": SPLIT["table"].format(experiment=self.settings.split_of(experiment)),
            "frames": self.tables(chosen["cut"], labeled),
            "fused": self.fused(chosen["fusion"], chosen["cut"], labeled),
        }

    def predict_inputs(self, experiment: str, sample: str) -> dict[str, str | list[str]]:
        chosen = self.settings.applied[experiment]
        cut = chosen["cut"]
        return {
            "classifier": self.classifier_files(experiment),
            "contigs": PLAN["contigs"].format(cut=cut, sample=sample),
            "frames": self.tables(cut, [sample]),
            "fused": self.fused(chosen["fusion"], cut, [sample]),
        }

    def classifier_files(self, experiment: str) -> list[str]:
        """What prediction reads of a classifier."""
        if given := self.settings.given:
            return given.files
        return [CLASSIFIER[name].format(experiment=experiment) for name in ("weights", "card")]

    def classifier(self, experiment: str) -> str:
        """The folder of a classifier, or the packed file that was given."""
        given = self.settings.given
        return given.path if given else _CLASSIFIER_FOLDER.format(experiment=experiment)

    def matrix_inputs(self, backend: str, cut: str, sample: str) -> dict[str, list[str]]:
        """The matrices of a backend or of a fusion."""
        made = self.fused if backend in self.settings["fusions"] else self.embeddings
        return {
            "frames": self.tables(cut, [sample]),
            "embeddings": made(backend, cut, [sample]),
        }

    def protein_matrix_inputs(self, backend: str, sample: str) -> dict[str, list[str]]:
        return self.matrix_inputs(backend, WHOLE, sample)

    def records_inputs(self, backend: str, sample: str) -> dict[str, str | list[str]]:
        contigs = PLAN["contigs"].format(cut=WHOLE, sample=sample)
        return self.protein_matrix_inputs(backend, sample) | {"contigs": contigs}

    def residue_inputs(self, backend: str, sample: str) -> dict[str, list[str]]:
        return {
            "frames": self.tables(WHOLE, [sample]),
            "residues": self.shard_files(RESIDUES, WHOLE, [sample], backend=backend),
        }

    def identified_inputs(self, cut: str, sample: str) -> dict[str, list[str]]:
        names = {"frames": "table", "dna": "dna", "protein": "protein"}
        return {key: self.shard_files(SHARD[name], cut, [sample]) for key, name in names.items()}

    def legacy_inputs(self, fusion: str, cut: str, sample: str) -> dict[str, list[str]]:
        """Both embeddings of a fusion, and the fusion itself."""
        dna, protein = self.settings["fusions"][fusion]
        return {
            "frames": self.tables(cut, [sample]),
            "dna": self.embeddings(dna, cut, [sample]),
            "protein": self.embeddings(protein, cut, [sample]),
            "fused": self.fused(fusion, cut, [sample]),
        }

    def models_of_proteins(self) -> list[str]:
        return [path for b in self.settings.protein_backends() for path in self.model(b)]

    def model_folders_of_proteins(self) -> list[str]:
        return [self.model_folder(backend) for backend in self.settings.protein_backends()]

    def validation_inputs(self, sample: str) -> dict[str, str | list[str]]:
        """A protein sample, and its embeddings backend by backend."""
        backends = self.settings.protein_backends()
        shards = [name for b in backends for name in self.embeddings(b, WHOLE, [sample])]
        return {
            "contigs": PLAN["contigs"].format(cut=WHOLE, sample=sample),
            "frames": self.tables(WHOLE, [sample]),
            "letters": self.shard_files(SHARD["protein"], WHOLE, [sample]),
            "embeddings": shards,
        }

    def report_inputs(self) -> dict[str, list[str]]:
        """The inputs of the report besides evaluations and predictions."""
        return {
            "genomes": [INDEX["card"].format(sample=s) for s in self.settings.samples],
            "audits": self.splits("audit"),
            "classifiers": self.classifiers(),
            "records": self.records(),
        }

    def cards_of_protein_models(self) -> list[str]:
        return [
            MODEL["card"].format(backend=backend, model=model_name(self.settings, backend))
            for backend in self.settings.protein_backends()
        ]

    # Files of the targets.

    def pt(self) -> dict[str, str]:
        """The patterns of tensors of protein samples, by the names the config asks for."""
        return PT_PUBLISHED if self.settings["export_names"] == "published" else PT

    def all_embeddings(self) -> list[str]:
        matrices = self.settings.matrices() + self.settings.matrices_beside()
        return [path for b, c, s in matrices for path in self.embeddings(b, c, [s])]

    def all_residues(self) -> list[str]:
        return [
            path
            for backend, sample in self._of_proteins(self.settings["residue_backends"])
            for path in self.residue_inputs(backend, sample)["residues"]
        ]

    def records(self) -> list[str]:
        """What became of each protein, a table for each backend and sample."""
        pairs = self._of_proteins(self.settings.protein_backends())
        return [RECORDS.format(backend=backend, sample=sample) for backend, sample in pairs]

    def _of_proteins(self, backends: Iterable[str]) -> list[tuple[str, str]]:
        return [(b, s) for b in backends for s in self.settings.of_molecule("protein")]

    def all_fused(self) -> list[str]:
        """The fused shards that training and prediction read, and those of protein samples."""
        settings = self.settings
        proteins = [p for f, s in settings.protein_fusions() for p in self.fused(f, WHOLE, [s])]
        return proteins + [
            path
            for name, e in settings.applied.items()
            for path in self.fused(e["fusion"], e["cut"], settings.learned_samples(name))
        ]

    def splits(self, *files: str) -> list[str]:
        """These files of each split."""
        names = dict.fromkeys(map(self.settings.split_of, self.settings["experiments"]))
        return [SPLIT[file].format(experiment=name) for name in names for file in files]

    def classifiers(self) -> list[str]:
        return self._of_experiments(CLASSIFIER.values())

    def evaluation_folders(self) -> list[str]:
        return self._of_experiments([_EVALUATION_FOLDER])

    def evaluations(self) -> list[str]:
        found = self._of_experiments(EVALUATION.values())
        return [*found, *COMPARISON.values()] if found else []

    def predictions(self) -> list[str]:
        return [
            path
            for experiment in self.settings["predict"]["experiments"]
            for sample in self.settings.queries()
            for path in filled(self.prediction().values(), experiment=experiment, sample=sample)
        ]

    def prediction(self) -> dict[str, str]:
        """The patterns of a prediction, with the files of VirNucPro if these are asked for."""
        return PREDICTION | (LEGACY_CALLS if self.settings.has_legacy_calls else {})

    def exports(self) -> list[str]:
        settings, dna = self.settings, self.settings.of_molecule("dna")
        forms = {"npy": NPY, "pt": self.pt(), "hdf5": {"": HDF5}, "uniprot": {"": UNIPROT}}
        paths = [
            path
            for form, patterns in forms.items()
            if form in settings["export"]
            for b, c, s in settings.exported_matrices()
            if form != "pt" or c == WHOLE
            for path in filled(patterns.values(), backend=b, cut=c, sample=s)
        ]
        if "uniprot" in settings["export"]:
            pairs = self._of_proteins(settings["residue_backends"])
            paths += [RESIDUES_HDF5.format(backend=b, sample=s) for b, s in pairs]
        if "virnucpro" in settings["export"]:
            for cut, fusion in settings.legacy_cuts_and_fusions():
                for s in dna:
                    paths += filled(VIRNUCPRO.values(), fusion=fusion, cut=cut, sample=s)
            for cut in settings.legacy_cuts():
                for s in dna:
                    paths += filled(IDENTIFIED.values(), cut=cut, sample=s)
        return paths

    def validations(self) -> list[str]:
        """Only on demand: what a run wrote is read and partly computed again."""
        samples = self.settings.of_molecule("protein") if self.settings["protein_backends"] else []
        return [VALIDATION.format(sample=sample) for sample in samples]

    def all_results(self) -> list[str]:
        """Every result; Snakemake restores a lost file only if a target asks for it."""
        paths = [
            path
            for sample in self.settings.samples
            for path in filled(INDEX.values(), sample=sample)
        ]
        for cut, sample in self.settings.cuts_and_samples():
            paths += self.coding(cut, sample)
            paths += filled(PLAN.values(), cut=cut, sample=sample)
            for pattern in (PROTEINS if cut == WHOLE else SHARD).values():
                paths += self.shard_files(pattern, cut, [sample])
        paths += self.all_embeddings() + self.all_fused() + self.all_residues() + self.records()
        paths += self.splits(*SPLIT) + self.classifiers()
        return paths + self.evaluations() + self.predictions() + self.exports()

    def _cut(self, experiment: str) -> str:
        return self.settings["experiments"][experiment]["cut"]

    def _of_experiments(self, patterns: Iterable[str]) -> list[str]:
        return [
            path
            for experiment in self.settings["experiments"]
            for path in filled(patterns, experiment=experiment)
        ]
