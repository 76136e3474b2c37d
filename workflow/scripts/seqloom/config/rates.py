"""What the script of a rule takes and writes, in proportion to what it reads.

Seconds are those of one core. Measured by `benchmarks/estimate.py --rates` (RESULTS.md), where
nothing else is said.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """Seconds and bytes of a job: for its start, and by letters, frames and bytes of its matrix."""

    start: float
    megabase: float = 0  # seconds
    kiloframe: float = 0  # seconds for a thousand frames
    gigabyte: float = 0  # seconds
    bytes: float = 0
    bytes_per_letter: float = 0
    bytes_per_frame: float = 0
    copies: float = 0  # of the matrix


_EXPORT = {"start": 0.5, "gigabyte": 3}
RATES = {
    # Received at 50 MB/s and converted; arithmetic.
    "fetch_model": Rate(5, gigabyte=30, copies=1),
    "download": Rate(1, megabase=0.01, bytes_per_letter=0.3),
    "simulate": Rate(1, bytes_per_letter=0.5),
    "index": Rate(0.25, megabase=1 / 148, bytes_per_letter=0.33),
    "coding": Rate(0.5, megabase=1, bytes_per_letter=0.02),
    "plan": Rate(0.3, megabase=1 / 121, bytes_per_letter=0.01),
    "frames": Rate(0.35, megabase=1 / 78, bytes_per_frame=600),
    "proteins": Rate(0.35, megabase=1 / 78, bytes_per_frame=400),
    "embed_shard": Rate(5, copies=1),
    "embed_residues": Rate(5, copies=1),
    "records": Rate(0.5, kiloframe=0.01, bytes_per_frame=60),
    "fuse": Rate(0.3, gigabyte=3, copies=1),
    "split": Rate(1.2, megabase=0.5, bytes_per_letter=0.001),
    "train_classifier": Rate(3, kiloframe=0.1, bytes_per_letter=0),
    "evaluate_classifier": Rate(3, kiloframe=0.05, bytes_per_frame=100),
    "baseline": Rate(3, kiloframe=1),
    "compare": Rate(2),
    "predict_sample": Rate(3, kiloframe=0.05, bytes_per_frame=100),
    "export_npy": Rate(**_EXPORT, copies=1),
    "export_hdf5": Rate(**_EXPORT, copies=1),
    "export_pt": Rate(**_EXPORT, copies=1),
    "export_uniprot": Rate(0.5, kiloframe=0.25, copies=1.2),
    "export_residues": Rate(0.5, kiloframe=0.25, copies=1),
    "export_identified": Rate(0.4, kiloframe=0.01, bytes_per_frame=500),
    "export_virnucpro": Rate(3, kiloframe=1, copies=2.2),
    "validate_sample": Rate(30),
    "report": Rate(1, kiloframe=0.01),
}
