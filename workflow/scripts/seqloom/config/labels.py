"""The labels of samples that train."""

# The position of a label is its class number, and its column in the output of a network.
LABELS = ("host", "viral")
