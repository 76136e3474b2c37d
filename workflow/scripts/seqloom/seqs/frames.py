"""Six-frame reading of windows, many at once.

Both strands of a batch are translated at every base, whatever the window; a frame is then every
third amino acid of a stretch, and running counts tell its stops and its X without touching it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id

from seqloom.errors import InputError
from seqloom.seqs.windows import Batch, Cut

FRAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
_COMPLEMENT = {
    "open": bytes.maketrans(b"ACGTRYMKBVDH", b"TGCAYRKMVBHD"),
    "virnucpro": bytes.maketrans(b"ACGT", b"TGCA"),
}
_DIGIT = np.full(256, 4, np.uint8)
_DIGIT[list(b"ACGT")] = range(4)


@dataclass(frozen=True)
class Strand:
    """One strand of a batch; `amino[i]` is the codon that begins at base i, X if it is unclear."""

    bases: bytes
    amino: bytes
    stops: np.ndarray  # running counts, see _running
    unclear: np.ndarray


@dataclass(frozen=True)
class Frames:
    """The six frames of each window: arrays [windows, 6] in the order of FRAMES, and both strands.

    `begin` and `end` are those of the nucleotides on their strand; `length` and `ambiguous` count
    residues, and X among them.
    """

    strands: tuple[Strand, Strand]
    begin: np.ndarray
    end: np.ndarray
    codons: np.ndarray
    length: np.ndarray
    ambiguous: np.ndarray
    open: np.ndarray  # at least a codon and no stop
    kept: np.ndarray  # and not too ambiguous
    removed: bytes  # residues that are left out of the protein

    def nucleotides(self, window: int, frame: int) -> str:
        strand = self.strands[frame // 3]
        return strand.bases[self.begin[window, frame] : self.end[window, frame]].decode()

    def protein(self, window: int, frame: int) -> str:
        begin = self.begin[window, frame]
        codons = slice(begin, begin + 3 * self.codons[window, frame], 3)
        return self.strands[frame // 3].amino[codons].translate(None, self.removed).decode()


@cache
def codon_table(genetic_code: int) -> np.ndarray:
    """Amino acid by codon: 25 * first + 5 * second + third, A C G T unclear = 0 1 2 3 4."""
    if genetic_code not in unambiguous_dna_by_id:
        known = ", ".join(map(str, sorted(unambiguous_dna_by_id)))
        raise InputError(f"genetic code {genetic_code} does not exist; choose one of {known}")
    code = unambiguous_dna_by_id[genetic_code]
    # In some codes a codon is both stop and amino acid: then it is an amino acid.
    letters = dict.fromkeys(code.stop_codons, "*") | code.forward_table
    table = np.full(125, ord("X"), np.uint8)
    for codon, letter in letters.items():
        first, second, third = _DIGIT[list(codon.encode())].tolist()
        table[25 * first + 5 * second + third] = ord(letter)
    return table


def read_frames(batch: Batch, cut: Cut, genetic_code: int) -> Frames:
    """Read every window of the batch in six frames by the rule of the cut."""
    table = codon_table(genetic_code)
    opposite = batch.bases.translate(_COMPLEMENT[cut.frames])[::-1]
    strands = _strand(batch.bases, table), _strand(opposite, table)
    size = batch.end - batch.start
    columns = []
    for strand, first in zip(
        strands, (batch.offset, len(batch.bases) - batch.offset - size), strict=True
    ):
        begin = first[:, None] + np.arange(3)
        limit = np.broadcast_to((first + size)[:, None], begin.shape)
        codons = np.maximum(limit - begin, 0) // 3
        end = begin + 3 * codons
        stops = strand.stops[end] - strand.stops[begin]
        unclear = strand.unclear[end] - strand.unclear[begin]
        columns.append((begin, end, limit, codons, stops, unclear))
    begin, end, limit, codons, stops, unclear = map(np.hstack, zip(*columns, strict=True))

    is_open = (stops == 0) & (codons > 0)
    if cut.frames == "open":
        kept = is_open & (unclear / np.maximum(codons, 1) <= cut.max_ambiguous)
        return Frames(strands, begin, end, codons, codons, unclear, is_open, kept, b"")
    # The published program deletes unclear codons and takes one base more than the rest needs.
    length = codons - unclear
    end = np.minimum(begin + 3 * length + 1, limit)
    kept = is_open & (length > 0)
    return Frames(strands, begin, end, codons, length, np.zeros_like(length), is_open, kept, b"X")


def window_status(frames: Frames) -> np.ndarray:
    """`ok`, or why a window has no frame."""
    lost = np.where(frames.open.any(axis=1), "ambiguous", "no_open_frame")
    return np.where(frames.kept.any(axis=1), "ok", lost)


def _strand(bases: bytes, table: np.ndarray) -> Strand:
    digits = _DIGIT[np.frombuffer(bases, np.uint8)]
    amino = table[25 * digits[:-2] + 5 * digits[1:-1] + digits[2:]]
    return Strand(bases, amino.tobytes(), _running(amino == ord("*")), _running(amino == ord("X")))


def _running(hits: np.ndarray) -> np.ndarray:
    """Element i: the hits at i - 3, i - 6, ...; so b - a is what lies at a, a + 3, ... before b."""
    # Three in front of the first hit, and some behind the last so that any end is inside.
    padded = np.zeros((len(hits) // 3 + 2, 3), np.int32)
    padded.ravel()[3 : 3 + len(hits)] = hits
    return padded.cumsum(axis=0, dtype=np.int32).ravel()
