"""The names of the files of gene annotation; like paths.py, which has those of all other stages.

Those of our own model are in gene_model_paths.py.
"""

from itertools import chain

from seqloom.config.annotation import baseline_of
from seqloom.config.contents import files_from_rules
from seqloom.config.gene_model import predicted_samples
from seqloom.config.gene_model_paths import ModelPaths
from seqloom.config.paths import INDEX, beside, filled

_ANNOTATE = "results/annotate"
GENES = f"{_ANNOTATE}/genes/{{sample}}.json"
_BAKED = f"{_ANNOTATE}/baked/{{run}}"
# Which stretches of which contigs belong to which part.
PARTS = f"{_BAKED}/parts.tsv"
# A folder: its shards are counted when they are written.
BAKED = f"{_BAKED}/{{sample}}"
BAKED_SET = beside(
    _BAKED,
    stats="/stats.json",
    rules="/rules.tsv",
    audit="/audit.tsv",
    eval="/eval.json",
    tokenizer="/tokenizer.json",
    config="/bake_config.json",
)
# `{program}` is a baseline or one of ours; the proteins of the annotation itself are written too.
ANNOTATION = "annotation"
_PREDICTION = f"{_ANNOTATE}/predictions/{{program}}/{{sample}}"
GENE_PREDICTION = beside(_PREDICTION, gff=".gff3", card=".json")
# What our own programs write beside that.
OTHER_FORMATS = beside(
    _PREDICTION,
    gtf=".gtf",
    bed=".bed",
    proteins=".proteins.faa",
    exons=".exons.fna",
    introns=".introns.fna",
)
GENE_SCORES = beside(
    f"{_ANNOTATE}/scores/{{program}}/{{sample}}", table=".tsv", locus=".locus.json"
)
ALL_GENE_SCORES = f"{_ANNOTATE}/scores.tsv"
GENE_PROTEINS = f"{_ANNOTATE}/proteins/{{program}}/{{sample}}.faa"
BUSCO = f"{_ANNOTATE}/busco/{{program}}/{{sample}}.json"
GENE_REPORT = beside(f"{_ANNOTATE}/report", page=".html", summary=".txt")


class GenePaths(ModelPaths):
    """The files of gene annotation of a run; arguments of the methods are wildcards."""

    def annotated(self) -> list[str]:
        """The species of gene annotation by name: the order of the config has no effect."""
        return sorted(self.settings["annotate"]["species"])

    def parts_inputs(self) -> dict[str, list[str]]:
        """The records of all species, in order, and their groups files."""
        species = self.annotated()
        groups = [self.settings.samples[sample].groups for sample in species]
        return {
            "records": [INDEX["records"].format(sample=sample) for sample in species],
            "groups": files_from_rules(self.settings, filter(None, groups)),
        }

    def baked_species(self) -> list[str]:
        """A folder for each species, in order."""
        run = self.settings["annotate"]["run"]
        return [BAKED.format(run=run, sample=sample) for sample in self.annotated()]

    def baked_folder(self) -> str:
        return _BAKED.format(run=self.settings["annotate"]["run"])

    def baked(self) -> list[str]:
        """All of the baked set."""
        genes = [GENES.format(sample=sample) for sample in self.annotated()]
        return [*genes, self.parts(), *self.baked_set().values(), *self.baked_species()]

    def parts(self) -> str:
        return PARTS.format(run=self.settings["annotate"]["run"])

    def baked_set(self) -> dict[str, str]:
        """What is made of the baked set as a whole."""
        run = self.settings["annotate"]["run"]
        return {key: path.format(run=run) for key, path in BAKED_SET.items()}

    def training_inputs(self) -> dict[str, str | list[str]]:
        """The baked set, as a model is trained on it."""
        return {
            "species": self.baked_species(),
            "tokenizer": self.baked_set()["tokenizer"],
            "baked": self.baked_set()["config"],
        }

    def gene_predictions(self) -> list[tuple[str, str]]:
        """Program and species of all baselines, and of our own programs."""
        annotate = self.settings["annotate"]
        return [
            (program, sample)
            for program in sorted(annotate["baselines"])
            for sample in self.annotated()
            if program == baseline_of(annotate["species"][sample])
        ] + [(program, sample) for program in self.programs() for sample in self.annotated()]

    def own_predictions(self) -> list[tuple[str, str]]:
        """Program and sample of our own programs."""
        samples = predicted_samples(self.settings["annotate"])
        return [(program, sample) for program in self.programs() for sample in samples]

    def genes_for_proteins(self, program: str, sample: str) -> str:
        pattern = GENES if program == ANNOTATION else GENE_PREDICTION["gff"]
        return pattern.format(program=program, sample=sample)

    def gene_proteins(self) -> list[tuple[str, str]]:
        """Program and species of all predictions, and of the annotations."""
        return [(ANNOTATION, s) for s in self.annotated()] + self.gene_predictions()

    def buscos(self) -> list[str]:
        """Of species with a lineage."""
        chosen = self.settings["annotate"]["busco"]
        pairs = self.gene_proteins()
        return [BUSCO.format(program=p, sample=s) for p, s in pairs if s in chosen]

    def gene_scores(self, kind: str) -> list[str]:
        pattern = GENE_SCORES[kind]
        return [pattern.format(program=p, sample=s) for p, s in self.gene_predictions()]

    def gene_report_inputs(self) -> dict[str, list[str]]:
        """The inputs of the page of gene annotation, as the options of its script name them."""
        pattern = GENE_PREDICTION["card"]
        return {
            "species": self.baked_species(),
            "scores": [ALL_GENE_SCORES],
            "cards": [pattern.format(program=p, sample=s) for p, s in self.gene_predictions()],
            "loci": self.gene_scores("locus"),
            "busco": self.buscos(),
        }

    # Files of the targets; none without the section `annotate`.

    def predicted(self) -> list[str]:
        """All that programs write of the genes they find."""
        if not self.settings["annotate"]:
            return []
        every, own = GENE_PREDICTION.values(), OTHER_FORMATS.values()
        pairs = [(pair, every) for pair in self.gene_predictions()]
        pairs += [(pair, [*every, *own]) for pair in self.own_predictions()]
        found = [filled(kinds, program=p, sample=s) for (p, s), kinds in pairs]
        return list(dict.fromkeys(chain.from_iterable(found)))

    def evaluated(self) -> list[str]:
        """All that compares programs with annotations."""
        if not self.settings["annotate"]:
            return []
        proteins = [GENE_PROTEINS.format(program=p, sample=s) for p, s in self.gene_proteins()]
        scores = self.gene_scores("table") + self.gene_scores("locus")
        return [*self.predicted(), *proteins, *scores, *self.buscos(), ALL_GENE_SCORES]

    def results(self) -> list[str]:
        """Every result."""
        if not self.settings["annotate"]:
            return []
        stages = [path for stage in self.stages() for path in self.stage(stage).values()]
        return [*self.baked(), *stages, *self.evaluated(), *GENE_REPORT.values()]
