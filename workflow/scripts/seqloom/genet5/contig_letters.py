"""The letters of a contig, of which only a stretch is in memory."""

from seqloom.seqs.genome import Genome

_AHEAD = 1 << 20  # bases


class ContigLetters:
    """Slices of a contig, as a text gives them; fast where they follow each other."""

    def __init__(self, genome: Genome, contig: str) -> None:
        self._genome, self._contig = genome, contig
        self._length = genome.length_of[contig]
        self._start, self._text = 0, ""

    def __getitem__(self, where: slice) -> str:
        first, last = where.start - self._start, where.stop - self._start
        if first < 0 or last > len(self._text):
            end = min(max(where.stop, where.start + _AHEAD), self._length)
            self._text = self._genome.region(self._contig, where.start, end).decode()
            self._start = where.start
            first, last = 0, where.stop - where.start
        return self._text[first:last]
