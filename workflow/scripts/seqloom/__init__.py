"""seqloom weaves DNA and protein language models into one Snakemake workflow."""

__version__ = "0.1.0"
# Raise one when the numbers of that stage change: it is a param of its rules, which then run again.
CUT_VERSION = "2"
ENGINE_VERSION = "4"
LEARN_VERSION = "2"
CALL_VERSION = "2"
