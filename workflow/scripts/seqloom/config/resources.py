"""Memory, time and disk of jobs, estimated from the sheet and the config alone.

Result files appear and vanish during a run, so a plan must not depend on their sizes. Memory is
fitted to `benchmarks/memory.py`; docs/tuning.md has the formulae beside what was measured.
"""

from dataclasses import dataclass

from seqloom.config.paths import RESIDUES
from seqloom.config.settings import WHOLE, Settings
from seqloom.config.work import CASES, Work, read_devices

# MB before the input counts: two processes of Snakemake, which a node runs beside the job (400),
# and Python with few libraries, with pandas, or with torch.
_FEW, _PANDAS, _TORCH = 500, 650, 950
# MB of CUDA and its libraries in the memory of the host. A guess: there was no GPU to measure.
_CUDA = 2000
# A matrix that is read from a file is in memory twice, mapped and as an array.
_READ = 2.1
_BASES_PER_RECORD = 2000  # of DNA; a guess, since only the whole is known
_RESIDUES_PER_RECORD = 300
# Of the attention of a whole T5 and of DNABERT, which have a bias for each head and pair of tokens.
_HEADS = {"t5": 32, "dnabert": 12}
# Weights times frames of a training that one core does in a second (benchmarks/training.py).
_TRAINED_PER_SECOND = 4e9
_MB_PER_MINUTE = 600  # read and written; a busy shared disk


@dataclass(frozen=True)
class Need:
    """What a job asks for; disk is what it writes."""

    memory_mb: float
    minutes: float = 10
    disk_mb: float = 100


class Needs:
    """The needs of the rules; arguments of the methods are wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.work = settings, Work(settings)
        self._gpus = [device for device in read_devices().values() if device.memory_gb]

    def simulate(self) -> Need:
        return Need(_FEW)

    def download(self) -> Need:
        return Need(_FEW, minutes=1440)

    def fetch_model(self, backend: str) -> Need:
        """The weights are mapped and written; a backend of the user's is also tried, in float32."""
        model = self.settings.backends[backend]
        copies = 9 if model.is_own else 4.5
        # On the disk they are twice, as downloaded and as stored.
        return Need(_TORCH + copies * model.parameters, 60, 100 + 8 * model.parameters)

    def index(self, sample: str) -> Need:
        megabases, records = self._megabases(sample), self._records(sample)
        return Need(_FEW + 0.0002 * records, 10 + megabases / 300, 100 + megabases)

    def coding(self, sample: str) -> Need:
        megabases = self._megabases(sample)
        return Need(_FEW + 2 * megabases, 10 + megabases / 10)

    def plan(self, sample: str) -> Need:
        megabases, records = self._megabases(sample), self._records(sample)
        return Need(_FEW + 0.0006 * records, 10 + megabases / 60, 100 + 0.0003 * records)

    def frames(self, cut: str, sample: str) -> Need:
        """The plan of the sample is read, and the windows of one shard."""
        rows = self.work.frames_per_shard(cut, sample)
        megabases = self._megabases(sample) / len(self.settings.shards(cut, sample))
        bytes_per_frame = 250 + 1.4 * self.settings["cuts"][cut]["window"]
        memory = self.plan(sample).memory_mb + 50 + megabases
        return Need(memory, 5 + megabases / 60, 100 + 1e-6 * bytes_per_frame * rows)

    def proteins(self, sample: str) -> Need:
        residues = self.settings.residues_per_shard(sample) / 1e6
        memory = self.plan(sample).memory_mb + 6 * residues
        return Need(memory, 5 + residues / 60, 100 + 2 * residues)

    def embed(self, backend: str, cut: str, sample: str) -> Need:
        """The time is that of the slowest GPU we know, at the least share of its peak."""
        model, rows = self.settings.backends[backend], self.work.frames_per_shard(cut, sample)
        matrix, slow = self._matrix_mb(backend, rows), CASES.index("slow")
        # Weights are mapped from their file, and laid out anew for a CPU in float32.
        memory = _TORCH + 8 * model.parameters + self._bias_mb(backend, cut)
        memory += 1.05 * matrix + 0.0025 * rows
        # A CPU keeps prepared matrix products, by the lengths of sequences.
        memory += _CUDA if not model.demo else min(1300, 0.7 * rows) if cut == WHOLE else 300
        seconds = max(
            self.work.seconds_to_embed(backend, cut, sample, gpu, slow) for gpu in self._gpus
        )
        return Need(
            memory, max(10, seconds / 60), 100 + 2 * matrix
        )  # the progress, then the result

    def residues(self, backend: str, sample: str) -> Need:
        embedding, matrix = self.embed(backend, WHOLE, sample), self.residues_mb(backend, sample)
        minutes = embedding.minutes + matrix / _MB_PER_MINUTE
        return Need(embedding.memory_mb + 1.05 * matrix, minutes, 100 + 2 * matrix)

    def records(self, sample: str) -> Need:
        return Need(_PANDAS + 0.002 * self._records(sample))

    def fuse(self, fusion: str, cut: str, sample: str) -> Need:
        matrix = self.shard_mb(fusion, cut, sample)
        return Need(_FEW + _READ * matrix, 5 + matrix / _MB_PER_MINUTE, 100 + matrix)

    def split(self) -> Need:
        """The audit keeps at most ten million 21-mers, one of ten of a small genome."""
        megabases = sum(map(self._megabases, self.settings.labeled()))
        return Need(_PANDAS + 7 * min(megabases, 150) + megabases / 2, 30 + megabases / 20)

    def train(self, experiment: str) -> Need:
        """All epochs that the recipe allows, a thousand steps a second."""
        recipe = self.settings["experiments"][experiment]["train"]
        steps = recipe["max_epochs"] * self._labeled_frames(experiment) / recipe["batch_size"]
        memory = self._largest_shard_mb(experiment) + 1.3 * self._training_mb(experiment)
        device = _CUDA if self.gpu_pays(experiment) else 0
        return Need(_TORCH + device + memory, 60 + steps / 60_000)

    def gpu_pays(self, experiment: str) -> bool:
        """Whether one core might train for more than an hour."""
        chosen = self.settings["experiments"][experiment]
        recipe = chosen["train"]
        weights = self._columns(chosen["fusion"]) * recipe["hidden"]
        frames = self._labeled_frames(experiment) * recipe["max_epochs"]
        return weights * frames > 3600 * _TRAINED_PER_SECOND

    def evaluate(self, experiment: str) -> Need:
        matrix = self._training_mb(experiment)
        memory = _TORCH + self._largest_shard_mb(experiment) + 0.6 * matrix
        return Need(memory, 30 + matrix / _MB_PER_MINUTE)

    def baseline(self, experiment: str) -> Need:
        """Frames with their counts, and the sequences of a shard."""
        window = self.settings["cuts"][self.settings["experiments"][experiment]["cut"]]["window"]
        frames = self._labeled_frames(experiment)
        return Need(_TORCH + 1e-6 * (1500 + 2 * window) * frames, 30 + frames / 30_000)

    def compare(self) -> Need:
        return Need(_PANDAS)

    def predict(self, experiment: str, sample: str) -> Need:
        chosen = self.settings["experiments"][experiment]
        rows, where = self.work.frames(chosen["cut"], sample), (chosen["cut"], sample)
        memory = _TORCH + 3.1 * self.shard_mb(chosen["fusion"], *where) + 0.0005 * rows
        whole = self._matrix_mb(chosen["fusion"], rows)
        return Need(memory, 30 + whole / _MB_PER_MINUTE, 100 + 2 * self._megabases(sample))

    def export(self, backend: str, cut: str, sample: str) -> Need:
        """Shard by shard."""
        whole = self._matrix_mb(backend, self.work.frames(cut, sample))
        memory = _FEW + _READ * self.shard_mb(backend, cut, sample)
        return Need(memory, 10 + whole / _MB_PER_MINUTE, 100 + 1.2 * whole)

    def export_uniprot(self, backend: str, cut: str, sample: str) -> Need:
        """HDF5 keeps a list of its datasets, one for each record."""
        need, rows = self.export(backend, cut, sample), self.work.frames(cut, sample)
        memory, minutes = need.memory_mb + 0.002 * rows, need.minutes + rows / 60_000
        return Need(memory, minutes, need.disk_mb)

    def export_pt(self, backend: str, sample: str) -> Need:
        """The whole tensor is in memory."""
        need = self.export(backend, WHOLE, sample)
        whole = self._matrix_mb(backend, self.work.frames(WHOLE, sample))
        return Need(need.memory_mb + _TORCH - _FEW + 1.05 * whole, need.minutes, need.disk_mb)

    def export_residues(self, backend: str, sample: str) -> Need:
        whole = self._matrix_mb(backend, self.settings.samples[sample].bases)
        memory = _FEW + _READ * self.residues_mb(backend, sample) + 0.002 * self._records(sample)
        return Need(memory, 10 + whole / _MB_PER_MINUTE, 100 + 1.2 * whole)

    def export_identified(self, cut: str, sample: str) -> Need:
        shards = len(self.settings.shards(cut, sample))
        megabytes = shards * self.frames(cut, sample).disk_mb
        return Need(_FEW, 10 + megabytes / _MB_PER_MINUTE, megabytes)

    def export_virnucpro(self, fusion: str, cut: str, sample: str) -> Need:
        """Values are Python's numbers of 32 bytes each, in whatever type they are stored."""
        values = self._columns(fusion) * self.work.frames(cut, sample) / 1e6
        return Need(_TORCH + 32 * values, 20 + values / 100, 100 + 12 * values)

    def validate(self, sample: str) -> Need:
        """One model after the other; the sequences of the sample stay in memory."""
        backends = self.settings.protein_backends()
        most = max(self.embed(backend, WHOLE, sample).memory_mb for backend in backends)
        shard = max(self.shard_mb(backend, WHOLE, sample) for backend in backends)
        whole = sum(self._matrix_mb(b, self.work.frames(WHOLE, sample)) for b in backends)
        memory = most + _READ * shard + 5 * self._megabases(sample)
        return Need(memory, 60 + whole / _MB_PER_MINUTE)

    def report(self) -> Need:
        records = max(map(self._records, self.settings.of_molecule("protein")), default=0)
        return Need(_FEW + 0.001 * records, minutes=30)

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

    def _megabases(self, sample: str) -> float:
        return self.settings.samples[sample].bases / 1e6
