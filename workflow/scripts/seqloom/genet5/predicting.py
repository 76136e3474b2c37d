"""The genes of tiles by either head of a model."""

import logging
from collections.abc import Iterable, Iterator, Sequence

import torch
from tokenizers import Tokenizer

from seqloom.annotate.examples import Example, Place, tokenized
from seqloom.annotate.grammar import Window
from seqloom.annotate.signals import Rules
from seqloom.config.gene_model import POINTER, SEGMENT
from seqloom.genet5.batches import window_batch
from seqloom.genet5.generation import generate
from seqloom.genet5.joining import TileGenes
from seqloom.genet5.network import GeneT5
from seqloom.genet5.segment import best_pieces
from seqloom.genet5.tiles import Group, Tile
from seqloom.seqs.genome import Genome

log = logging.getLogger(__name__)

HEADS = (POINTER, SEGMENT)


def genes_of_tiles(
    groups: Iterable[Group],
    genome: Genome,
    genetic_code: int,
    network: GeneT5,
    tokenizer: Tokenizer,
    rules: Rules,
    head: str,
) -> Iterator[TileGenes]:
    """The genes of the wanted tiles of groups; only one group is in memory at a time."""
    find = pointed_genes if head == POINTER else labeled_genes
    genes = tiles = 0
    for group, wanted in groups:
        examples = [_example(tile, genome, genetic_code, tokenizer) for tile in group]
        for tile, (pieces, scores) in zip(group, find(network, examples, rules), strict=True):
            if tile in wanted:
                yield TileGenes(tile.contig, tile.start, tile.end, pieces, scores)
                genes, tiles = genes + len(pieces), tiles + 1
    log.info("%d genes in %d tiles", genes, tiles)


def pointed_genes(network: GeneT5, examples: Sequence[Example], rules: Rules) -> Iterator[tuple]:
    """Pieces and scores of each window, as the decoder writes them."""
    found = generate(network, examples, network.shape.codec, rules)
    for example, written in zip(examples, found, strict=True):
        if written.is_short:
            where = example.place
            log.warning(
                "%s:%d-%d: ended at the limit of steps", where.contig, where.start + 1, where.end
            )
        yield written.pieces, written.scores


@torch.inference_mode()
def labeled_genes(network: GeneT5, examples: Sequence[Example], rules: Rules) -> Iterator[tuple]:
    """Pieces and scores of each window, by the labels of its bases."""
    device = next(network.parameters()).device
    logits = network.segment_logits(network.encode(window_batch(examples).to(device)))
    log_probabilities = logits.float().log_softmax(dim=2).cpu().numpy()
    for example, own in zip(examples, log_probabilities, strict=True):
        window = Window(example.letters, example.place.genetic_code, rules)
        yield best_pieces(own[: window.length], window)


def _example(tile: Tile, genome: Genome, code: int, tokenizer: Tokenizer) -> Example:
    letters = genome.region(tile.contig, tile.start, tile.end).decode()
    place = Place(genome.path, tile.contig, tile.start, tile.end, "", code)
    return Example(place, letters, *tokenized(letters, tokenizer), [])
