"""seqloom weaves DNA and protein language models into one Snakemake workflow."""

__version__ = "0.1.0"
# Raise one when the results of its stage change: as a param of the rules it makes them run again.
CUT_VERSION = "2"
ENGINE_VERSION = 5
LEARN_VERSION = "7"
CALL_VERSION = "5"
BAKE_VERSION = "1"
GENET5_VERSION = "2"
# Of a classifier's files; raised when they are to be read differently.
CLASSIFIER_FORMAT = 4
