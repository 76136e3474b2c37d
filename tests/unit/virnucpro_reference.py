"""A plain and slow implementation of the FASTA files of VirNucPro, from the specification alone."""

from collections.abc import Iterator, Mapping, Sequence

_CODONS = [first + second + third for first in "TCAG" for second in "TCAG" for third in "TCAG"]
_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_TABLE_1 = dict(zip(_CODONS, _AMINO_ACIDS, strict=True))
_PARTNER = {"A": "T", "C": "G", "G": "C", "T": "A"}
_REJECTED_IN_TRAINING = set("NRYMKSWHBVD")


def window_starts(length: int, window: int) -> list[int]:
    """Where the windows of a record begin; wider overlaps come first."""
    count = (length + window - 1) // window
    if count == 0:
        return []
    surplus = count * window - length
    narrow = surplus // count
    wider = surplus - narrow * (count - 1)
    starts = [0]
    for joint in range(count - 1):
        overlap = narrow + 1 if joint < wider else narrow
        starts.append(starts[-1] + window - overlap)
    return starts


def stop_free_frames(window: str) -> Iterator[tuple[str, str, str]]:
    """(frame, nucleotides, protein) of every frame without a stop; a protein may be empty."""
    forward = window.upper()
    reverse = "".join(_PARTNER.get(letter, letter) for letter in reversed(forward))
    for strand, text in (("F", forward), ("R", reverse)):
        for k in (1, 2, 3):
            protein = ""
            for i in range(k - 1, len(text) - 2, 3):
                protein += _TABLE_1.get(text[i : i + 3], "")
            if "*" not in protein:
                yield f"{strand}{k}", text[k - 1 : k + 3 * len(protein)], protein


def identified(
    records: Sequence[tuple[str, str]],
    window: int,
    translations: Mapping[str, Sequence[str]] | None = None,
) -> tuple[str, str]:
    """The text of identified_nucleotide.fa and of identified_protein.fa.

    With `translations`, the annotated proteins of each record, the frames are those of training.
    """
    nucleotide_text, protein_text = "", ""
    for name, sequence in records:
        for number, start in enumerate(window_starts(len(sequence), window), start=1):
            piece = sequence[start : start + window]
            if translations is not None and _REJECTED_IN_TRAINING & set(piece.upper()):
                continue
            for frame, nucleotides, protein in stop_free_frames(piece):
                if translations is not None and not any(
                    protein in annotated for annotated in translations.get(name, ())
                ):
                    continue
                if protein:
                    title = f">{name}_chunk_{number}{frame}\n"
                    nucleotide_text += f"{title}{nucleotides}\n"
                    protein_text += f"{title}{protein}\n"
    return nucleotide_text, protein_text
