"""The labels of samples that train."""

LABELS = ("host", "viral")  # a label's place is its number and its column in a network's output
