"""The labels of samples that train."""

LABELS = (
    "host",
    "viral",
)  # the position of a label is its class number and its column in the output
