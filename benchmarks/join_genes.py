#!/usr/bin/env python3
"""The memory of joining the genes of tiles, for a contig of 10 Mb and one of 100 Mb.

    python benchmarks/join_genes.py --megabases 10 100

Letters are random; in each tile of 20 kb, 5 of which the next one shares, lie made genes of three
exons, one in 2,500 bases. Prints markdown; seconds are those of the processor.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path[:0] = map(str, (SCRIPTS, REPOSITORY / "tests" / "unit"))

from measure import cost_of  # noqa: E402
from seqs_data import letters, stored  # noqa: E402

from seqloom.annotate.codec import Piece  # noqa: E402
from seqloom.genet5.joining import TileGenes  # noqa: E402
from seqloom.genet5.piece_files import write_pieces  # noqa: E402
from seqloom.seqs.genes import Exon  # noqa: E402

WINDOW, OVERLAP, GENE = 20_000, 5_000, 2_500
SETTINGS = {"head": "pointer", "genetic_code": 1, "window": WINDOW, "overlap": OVERLAP}
SETTINGS |= {"rules": [], "batch": 1, "model": ""}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--megabases", type=int, nargs="+", default=[10, 100])
    print("| contig, Mb | peak, MB | seconds |\n| --- | --- | --- |")
    for megabases in options.parse_args().megabases:
        with tempfile.TemporaryDirectory() as name:
            folder, length = Path(name), megabases * 1_000_000
            stored(folder, {"c": letters(1, length)})
            write_pieces(folder / "pieces.json", made_tiles(length), SETTINGS)
            files = "--pieces", folder / "pieces.json", "--genome", folder / "g.fa.gz"
            script = sys.executable, SCRIPTS / "join_genet5.py"
            cost = cost_of(*script, *files, "--program", "made", "--out", folder / "genes")
        print(f"| {megabases} | {cost.megabytes:.0f} | {cost.cpu:.1f} |")


def made_tiles(length: int) -> Iterator[TileGenes]:
    draw = random.Random(0)
    for start in range(0, length - OVERLAP, WINDOW - OVERLAP):
        end = min(start + WINDOW, length)
        places = range(0, end - start - GENE, GENE)
        pieces = [Piece(draw.choice("+-"), "CDS", exons(place)) for place in places]
        yield TileGenes("c", start, end, pieces, [-draw.random() for _ in pieces])


def exons(start: int) -> tuple[Exon, ...]:
    return tuple(Exon(start + first, start + first + 300, 0) for first in (100, 800, 1600))


if __name__ == "__main__":
    main()
