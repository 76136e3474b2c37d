"""seqloom weaves DNA and protein language models into one Snakemake workflow."""

__version__ = "0.1.0"
# Raise it when the numbers of an embedding change: a param of its rule, so all are made again.
ENGINE_VERSION = "1"
