"""seqloom weaves DNA and protein language models into one Snakemake workflow."""

__version__ = "0.1.0"
