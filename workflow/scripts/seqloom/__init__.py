"""seqloom weaves DNA and protein language models into one Snakemake workflow."""

__version__ = "0.1.0"
# Raise it when the numbers of an embedding change: it is a param of the rule, and all are made again.
ENGINE_VERSION = "1"
