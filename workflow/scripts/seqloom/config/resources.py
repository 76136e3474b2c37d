"""Memory, time and disk of jobs, estimated from the sheet and the config alone.

Result files appear and vanish during a run, so a plan must not depend on their sizes. Memory is
fitted to `benchmarks/memory.py`; docs/tuning.md has the formulae beside what was measured.
"""

from seqloom.config.cut import WHOLE
from seqloom.config.gene_work import GeneWork
from seqloom.config.paths import RESIDUES
from seqloom.config.rates import GENET5
from seqloom.config.settings import Settings
from seqloom.config.work import CASES, CPU, TRAINED_PER_SECOND, Wildcards, Work, read_devices

# MB before the input counts: two processes of Snakemake, which a node runs beside the job (400),
# and Python with few libraries, with pandas, or with torch.
_FEW, _PANDAS, _TORCH = 500, 650, 950
# MB of CUDA and its libraries in the memory of the host. A guess: there was no GPU to measure.
_CUDA = 2000
# A matrix that is read from a file is in memory twice, mapped and as an array.
_READ = 2.1
# HDF5 keeps a list of its datasets, of which some formats have one for each record.
_DATASET = 0.002
_BASES_PER_RECORD = 2000  # of DNA; a guess, since only the whole is known
_RESIDUES_PER_RECORD = 300
# Of the attention of a whole T5 and of DNABERT, which have a bias for each head and pair of tokens.
_HEADS = {"t5": 32, "dnabert": 12}

# Minutes that are asked for at least. Short jobs share submissions, whose times add up; a network
# may be slow; an integer program and the models of a validation have no rate.
_LEAST = dict.fromkeys(("frames", "proteins", "fuse"), 5) | {"download": 1440}
_LEAST |= dict.fromkeys(("fetch_model", "split", "validate_sample"), 60)
_LEAST_OF_OTHERS = 10
# Rates were measured on a disk of our own; that of a cluster may be busy.
_BUSY = 4


class Needs:
    """What the jobs of a run need, in MB and minutes; arguments of the methods are wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.work = settings, Work(settings)
        self._devices = read_devices().values()

    def minutes(self, rule: str, wildcards: Wildcards) -> float:
        """The slow end of the estimate, on the slowest GPU that we know if the rule is for one."""
        on_gpu = rule.startswith("embed") or rule in ("train_on_gpu", *GENET5[1:])
        slow = CASES.index("slow")
        devices = [device for device in self._devices if (device.name != CPU) == on_gpu]
        seconds = max(self.work.seconds(rule, wildcards, device, slow) for device in devices)
        # The slow end of a GPU is a fifth of what is expected of it already.
        return max(_LEAST.get(rule, _LEAST_OF_OTHERS), (1 if on_gpu else _BUSY) * seconds / 60)

    def disk_mb(self, rule: str, wildcards: Wildcards) -> float:
        """Twice what the job leaves behind: its progress or a download may lie beside it."""
        return 100 + 2e-6 * self.work.bytes_written(rule, wildcards)

    def memory_to_start(self) -> float:
        """All that a job takes which holds little of its input."""
        return _FEW

    def memory_to_fetch(self, backend: str) -> float:
        """The weights are mapped and written; a backend of the user's is also tried, in float32."""
        model = self.settings.backends[backend]
        return _TORCH + (9 if model.is_own else 4.5) * model.parameters

    def memory_to_index(self, sample: str) -> float:
        return _FEW + 0.0002 * self._records(sample)

    def memory_to_read_annotation(self, sample: str) -> float:
        return _FEW + 2 * self._megabases(sample)

    def memory_to_read_genes(self, sample: str) -> float:
        return _FEW + self._genes_mb(sample)

    def memory_to_run_pyrodigal(self, sample: str) -> float:
        """The genome, and what the program makes of each base."""
        return _FEW + 100 * self._megabases(sample)

    def memory_to_run_augustus(self, sample: str) -> float:
        """The genome; each of its processes reads a contig piece by piece and took 310 MB."""
        return _FEW + 2 * self._megabases(sample) + 500 * self.settings["threads"]

    def memory_to_make_genet5(self) -> float:
        """The weights, and those of the backend beside them."""
        return _TORCH + GeneWork(self.settings).memory_mb("init")

    def memory_to_train_genet5(self) -> float:
        return _TORCH + _CUDA + GeneWork(self.settings).memory_mb("sft")

    def memory_to_refine_genet5(self) -> float:
        return _TORCH + _CUDA + GeneWork(self.settings).memory_mb("grpo")

    def memory_to_predict_genet5(self) -> float:
        """Windows pass one by one, whatever the length of their contig."""
        return _TORCH + _CUDA + GeneWork(self.settings).memory_mb("predict_genet5")

    def memory_to_join_genet5(self, sample: str) -> float:
        """Neighboring tiles, and a stretch of their contig: 90 MB were taken (RESULTS.md)."""
        return _FEW

    def memory_to_score_genes(self, sample: str) -> float:
        """Genes with a thousand exons per Mb took 0.4 MB per Mb (RESULTS.md)."""
        return _PANDAS + self._megabases(sample)

    def memory_to_translate_genes(self, sample: str) -> float:
        """The genes, and the longest contig."""
        return _FEW + 2 * self._megabases(sample)

    def memory_to_run_busco(self) -> float:
        """A guess: the program could not be run here."""
        return 4000

    def memory_to_divide(self) -> float:
        """Contigs are far fewer than bases."""
        return _PANDAS + 0.1 * self._annotated_megabases()

    def memory_to_bake(self, sample: str) -> float:
        """The genes of the species; windows pass one by one."""
        return _FEW + 100 + self._genes_mb(sample)

    def memory_to_complete_baked_set(self) -> float:
        """The audit keeps at most ten million 21-mers, one of ten of a small genome."""
        megabases = self._annotated_megabases()
        return _PANDAS + 7 * min(megabases, 150) + megabases / 2

    def memory_to_plan(self, sample: str) -> float:
        return _FEW + 0.0006 * self._records(sample)

    def memory_to_cut(self, cut: str, sample: str) -> float:
        """The plan of the sample is read, and the windows of one shard."""
        megabases = self._megabases(sample) / len(self.settings.shards(cut, sample))
        return self.memory_to_plan(sample) + 50 + megabases

    def memory_to_take_proteins(self, sample: str) -> float:
        return self.memory_to_plan(sample) + 6e-6 * self.settings.residues_per_shard(sample)

    def memory_to_embed(self, backend: str, cut: str, sample: str) -> float:
        model, rows = self.settings.backends[backend], self.work.frames_per_shard(cut, sample)
        # Weights are mapped from their file, and laid out anew for a CPU in float32.
        weights = 8 * model.parameters + self._bias_mb(backend, cut)
        # A CPU keeps prepared matrix products, by the lengths of sequences.
        device = _CUDA if not model.demo else min(1300, 0.7 * rows) if cut == WHOLE else 300
        return _TORCH + device + weights + 1.05 * self._matrix_mb(backend, rows) + 0.0025 * rows

    def memory_to_count_kmers(self, backend: str, cut: str, sample: str) -> float:
        """The sequences of a shard, and its matrix."""
        rows, window = self.work.frames_per_shard(cut, sample), self.settings["cuts"][cut]["window"]
        letters = 1e-6 * rows * (window + 300)  # a text of Python's takes some more
        return _FEW + 50 + 2 * letters + 1.05 * self._matrix_mb(backend, rows)

    def memory_to_embed_residues(self, backend: str, sample: str) -> float:
        embedding = self.memory_to_embed(backend, WHOLE, sample)
        return embedding + 1.05 * self.residues_mb(backend, sample)

    def memory_to_list_records(self, sample: str) -> float:
        return _PANDAS + 0.002 * self._records(sample)

    def memory_to_fuse(self, fusion: str, cut: str, sample: str) -> float:
        return _FEW + _READ * self.shard_mb(fusion, cut, sample)

    def memory_to_split(self) -> float:
        """The audit keeps one word in ten of what is held out, and all words of a long contig."""
        megabases = sum(map(self._megabases, self.settings.labeled()))
        return _PANDAS + 24 * min(megabases, 250) + 1.5 * megabases

    def memory_to_train(self, experiment: str) -> float:
        device = _CUDA if self.gpu_pays(experiment) else 0
        most = self.settings["experiments"][experiment]["train"]["memory_mb"]
        matrices = 1.3 * min(self._training_mb(experiment), most)
        return _TORCH + device + matrices + 0.002 * self._labeled_frames(experiment)

    def gpu_pays(self, experiment: str) -> bool:
        """Whether one core might train for more than an hour."""
        chosen = self.settings["experiments"][experiment]
        recipe = chosen["train"]
        weights = self._columns(chosen["fusion"]) * recipe["hidden"]
        frames = self._labeled_frames(experiment) * recipe["max_epochs"] * recipe["seeds"]
        return weights * frames > 3600 * TRAINED_PER_SECOND

    def memory_to_evaluate(self, experiment: str) -> float:
        matrices = self._largest_shard_mb(experiment) + 0.6 * self._training_mb(experiment)
        return _TORCH + matrices

    def memory_to_compare(self) -> float:
        """The scores of two experiments at a time."""
        most = max(map(self._labeled_frames, self.settings["experiments"]), default=0)
        return _PANDAS + 0.001 * most

    def memory_to_predict(self, experiment: str, sample: str) -> float:
        chosen = self.settings.applied[experiment]
        shard = self.shard_mb(chosen["fusion"], chosen["cut"], sample)
        return _TORCH + 3.1 * shard + 0.0005 * self.work.frames(chosen["cut"], sample)

    def memory_to_export(self, backend: str, cut: str, sample: str) -> float:
        return _FEW + _READ * self.shard_mb(backend, cut, sample)

    def memory_to_export_uniprot(self, backend: str, cut: str, sample: str) -> float:
        rows = self.work.frames(cut, sample)
        return self.memory_to_export(backend, cut, sample) + _DATASET * rows

    def memory_to_export_pt(self, backend: str, sample: str) -> float:
        """The tensor is in memory, beside a shard that is copied into it."""
        whole = self._matrix_mb(backend, self.work.frames(WHOLE, sample))
        return _TORCH + _READ * self.shard_mb(backend, WHOLE, sample) + 1.05 * whole

    def memory_to_export_residues(self, backend: str, sample: str) -> float:
        shard = self.residues_mb(backend, sample)
        return _FEW + _READ * shard + _DATASET * self._records(sample)

    def memory_to_export_virnucpro(self, fusion: str, cut: str, sample: str) -> float:
        """Values are Python's numbers of 32 bytes each, in whatever type they are stored."""
        return _TORCH + 32e-6 * self._columns(fusion) * self.work.frames(cut, sample)

    def memory_to_validate(self, sample: str) -> float:
        """One model after the other; the sequences of the sample stay in memory."""
        backends = self.settings.protein_backends()
        most = max(self.memory_to_embed(backend, WHOLE, sample) for backend in backends)
        shard = max(self.shard_mb(backend, WHOLE, sample) for backend in backends)
        return most + _READ * shard + 5 * self._megabases(sample)

    def memory_to_report(self) -> float:
        records = max(map(self._records, self.settings.of_molecule("protein")), default=0)
        return _FEW + 0.001 * records

    def shard_mb(self, name: str, cut: str, sample: str) -> float:
        """Size of the matrix of one shard, of a backend or a fusion."""
        return self._matrix_mb(name, self.work.frames_per_shard(cut, sample))

    def residues_mb(self, backend: str, sample: str) -> float:
        """Size of the residues of one shard."""
        return self._matrix_mb(backend, self.settings.residues_per_shard(sample))

    def disk_for_residues(self) -> list[str]:
        """A sentence for each backend whose residues are stored."""
        proteins = self.settings.of_molecule("protein")
        residues = sum(self.settings.samples[sample].bases for sample in proteins)
        return [
            f"The residues of {backend} take about {self._matrix_mb(backend, residues) / 1e3:.1f}"
            f" GB in {RESIDUES.partition('{')[0]}{backend}."
            for backend in self.settings["residue_backends"]
        ]

    def _matrix_mb(self, name: str, rows: float) -> float:
        return rows * self._columns(name) * self.settings.value_bytes / 1e6

    def _columns(self, name: str) -> int:
        """Of the matrix of a backend or a fusion."""
        return sum(self.settings.backends[b].width for b in self.settings.backends_of(name))

    def _bias_mb(self, backend: str, cut: str) -> float:
        """The bias of attention for a sequence that is as long as the model reads."""
        model = self.settings.backends[backend]
        heads = (model.demo or {}).get("num_heads", _HEADS.get(model.architecture, 0))
        tokens = model.max_length
        if cut != WHOLE:
            tokens = min(tokens, self.work.tokens_per_frame(backend, cut))
        return 4.6e-6 * heads * tokens**2

    def _training_mb(self, experiment: str) -> float:
        """Size of all fused matrices of labeled samples."""
        fusion = self.settings["experiments"][experiment]["fusion"]
        return self._matrix_mb(fusion, self._labeled_frames(experiment))

    def _largest_shard_mb(self, experiment: str) -> float:
        """What the largest shard of labeled samples takes while it is read."""
        chosen, labeled = self.settings["experiments"][experiment], self.settings.labeled()
        sizes = (self.shard_mb(chosen["fusion"], chosen["cut"], sample) for sample in labeled)
        return _READ * max(sizes)

    def _labeled_frames(self, experiment: str) -> int:
        cut = self.settings["experiments"][experiment]["cut"]
        return sum(self.work.frames(cut, sample) for sample in self.settings.labeled())

    def _records(self, sample: str) -> float:
        row = self.settings.samples[sample]
        is_dna = row.molecule == "dna"
        return row.bases / (_BASES_PER_RECORD if is_dna else _RESIDUES_PER_RECORD)

    def _genes_mb(self, sample: str) -> float:
        """Genes of a large genome lie far apart, and have many transcripts."""
        megabases = self._megabases(sample)
        return 2 * min(megabases, 100) + 0.6 * megabases

    def _annotated_megabases(self) -> float:
        return sum(map(self._megabases, self.settings["annotate"]["species"]))

    def _megabases(self, sample: str) -> float:
        return self.settings.samples[sample].bases / 1e6
