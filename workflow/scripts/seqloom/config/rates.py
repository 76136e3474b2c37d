"""What the script of a rule takes and writes, in proportion to what it reads.

Seconds are those of one core. They and the bytes were measured (benchmarks/RESULTS.md, "Estimates",
"Preparation" and "Export"), where nothing else is said.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """Seconds and bytes of a job, for its start and by letters, frames and bytes of its matrix."""

    start: float
    megabase: float = 0  # seconds
    kiloframe: float = 0  # seconds for a thousand frames
    gigabyte: float = 0  # seconds
    bytes: float = 0
    bytes_per_letter: float = 0
    bytes_per_frame: float = 0  # of windows of 300 bases, where it has sequences
    copies: float = 0  # of the matrix


# Embedding and training have no rates of time: `Work` counts their operations.
_BY_OPERATIONS = 0
# The jobs of the model that writes genes, likewise; all but the first are for a GPU.
GENET5 = ("init", "sft", "grpo", "predict_genet5")

RATES = {
    # Arithmetic: received at 50 MB/s, read and written twice.
    "fetch_model": Rate(4, gigabyte=30, copies=1),
    # Arithmetic: 50 MB/s of compressed bases.
    "download": Rate(1, megabase=0.006, bytes_per_letter=0.3),
    "simulate": Rate(0.5, bytes_per_letter=0.5),
    "simulate_annotated": Rate(6, bytes_per_letter=0.5),
    "index": Rate(0.2, megabase=1 / 148, bytes_per_letter=0.33),
    # Three million features of a human annotation take 30 s.
    "coding": Rate(0.4, megabase=0.1, bytes_per_letter=0.02),
    "genes": Rate(0.4, megabase=0.1, bytes_per_letter=0.3),
    "parts": Rate(1.5),
    "bake": Rate(1, megabase=0.9, bytes_per_letter=3.2),
    "bake_set": Rate(2, megabase=0.15, bytes=1e6),
    "plan": Rate(0.3, megabase=1 / 121, bytes_per_letter=0.01),
    "frames": Rate(0.3, megabase=1 / 78, bytes_per_frame=500),
    "proteins": Rate(0.3, megabase=1 / 78, bytes_per_frame=400),
    "embed_shard": Rate(_BY_OPERATIONS, copies=1),
    "embed_residues": Rate(_BY_OPERATIONS, copies=1),
    "count_kmers": Rate(0.4, kiloframe=0.02, copies=1),
    "records": Rate(0.5, kiloframe=0.01, bytes_per_frame=60),
    "fuse": Rate(0.3, gigabyte=1.5, copies=1),
    "split": Rate(2, megabase=0.15, bytes_per_letter=0.001),
    "train_classifier": Rate(_BY_OPERATIONS, bytes=5e6),
    "train_on_gpu": Rate(_BY_OPERATIONS, bytes=5e6),
    "evaluate_classifier": Rate(4, kiloframe=0.2, bytes=4e5, bytes_per_frame=10),
    "compare": Rate(5),
    "predict_sample": Rate(2, kiloframe=0.05, bytes_per_letter=0.1, bytes_per_frame=100),
    "export_npy": Rate(0.3, gigabyte=1, copies=1),
    "export_hdf5": Rate(0.3, gigabyte=1.5, copies=1.02),
    "export_pt": Rate(1.5, gigabyte=2, copies=1),
    "export_uniprot": Rate(0.3, kiloframe=0.25, copies=1.2),
    "export_residues": Rate(0.3, kiloframe=0.25, copies=1),
    "export_identified": Rate(0.3, kiloframe=0.005, bytes_per_frame=480),
    "export_virnucpro": Rate(1.7, kiloframe=0.22, copies=2.5),
    # Arithmetic: it loads the models again and computes a few records.
    "validate_sample": Rate(30),
    "predict_pyrodigal": Rate(0.6, megabase=0.5, bytes_per_letter=0.5),
    # 0.23 Mb of yeast took 24 s of a core.
    "predict_augustus": Rate(2, megabase=110, bytes_per_letter=0.5),
    "init": Rate(_BY_OPERATIONS, copies=1),
    # While they train, work/ has the weights of the best and of the latest step, with the averages
    # of AdamW.
    "sft": Rate(_BY_OPERATIONS, bytes=1e6, copies=4),
    "grpo": Rate(_BY_OPERATIONS, bytes=1e6, copies=4),
    # Arithmetic: a gene of a kilobase takes 200 bytes, and in the seven files of a prediction 1,000
    # beside its letters.
    "predict_genet5": Rate(_BY_OPERATIONS, bytes_per_letter=0.2),
    "join_genet5": Rate(2, megabase=1, bytes_per_letter=3),
    "score_genes": Rate(1.5, megabase=0.2, bytes=2e4),
    "join_gene_scores": Rate(1, bytes=2e4),
    "gene_proteins": Rate(0.6, megabase=0.3, bytes_per_letter=0.4),
    # A guess: the program could not be run here.
    "busco": Rate(60, megabase=60, bytes=2e4),
    "gene_report": Rate(2, bytes=1e5),
    "report": Rate(1.5, bytes=2e5),
}
