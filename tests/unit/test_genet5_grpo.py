"""Rewards, the loss of GRPO, and grpo.py, which goes on after a kill."""

import csv
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from baked_run import SPECIES, write_baked_run
from genet5_data import codec, example, letters, mixed_examples, model
from models_data import one_thread  # noqa: F401

import grpo
import init_genet5
from seqloom.annotate.codec import Piece
from seqloom.annotate.scores import compare
from seqloom.annotate.signals import Rules
from seqloom.errors import InputError
from seqloom.genet5.batches import batch_of_targets, window_batch
from seqloom.genet5.generation import Sampling, generate
from seqloom.genet5.policy import advantages, divergences, log_probabilities, policy_losses
from seqloom.genet5.rewards import reward
from seqloom.seqs.genes import Exon, Gene, Transcript

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def piece(*exons, strand="+"):
    return Piece(strand, "CDS", tuple(Exon(*exon, 0) for exon in exons))


def random_pieces(draw):
    """Genes of few possible places, so that some agree."""
    genes = []
    for _ in range(draw.randrange(4)):
        start, middle = draw.choice([0, 10, 500]), draw.choice([40, 41])
        exons = [(start, start + middle), (start + 60, start + 99)][: draw.choice([1, 2])]
        genes.append(piece(*exons, strand=draw.choice("+-")))
    return genes


def as_genes(pieces):
    return [Gene("", "c", one.strand, one.biotype, (Transcript("", one.exons),)) for one in pieces]


def test_the_strict_reward_is_that_of_the_evaluation():
    draw = random.Random(0)
    seen = set()
    for _ in range(200):
        annotated, written = random_pieces(draw), random_pieces(draw)
        found = reward(annotated, written, softness=0)
        exons = [(one.strand, exon) for one in annotated for exon in one.exons]
        # The evaluation counts an exon of two annotated genes twice.
        if annotated and len(set(exons)) == len(exons):
            counts = compare(as_genes(annotated), as_genes(written))
            assert found.exon_f1 == pytest.approx(counts["exon"].f1)
            assert found.gene_f1 == pytest.approx(counts["gene"].f1)
        assert found.value == pytest.approx(0.6 * found.exon_f1 + 0.4 * found.gene_f1)
        seen.add(round(found.value, 1))
    assert len(seen) > 4


def test_a_window_without_genes_rewards_that_nothing_is_written():
    assert reward([], [], softness=0).value == reward([], [], softness=1).value == 1
    assert reward([], [piece((0, 9))], softness=0).value == 0
    assert reward([piece((0, 9))], [], softness=1).value == 0


def test_a_softer_reward_sees_what_is_nearly_right():
    annotated = [piece((100, 200), (300, 400))]
    off = {shift: [piece((100, 200), (300, 400 + shift))] for shift in (0, 2, 20, 200)}
    for softness in (1.0, 0.5, 0.1):
        values = [reward(annotated, written, softness).value for written in off.values()]
        assert values == sorted(values, reverse=True) and values[0] == 1 and values[1] > values[3]
    strict = [reward(annotated, written, 0).value for written in off.values()]
    assert strict == pytest.approx([1, 0.3, 0.3, 0.3])
    other_strand = [piece((100, 200), (300, 400), strand="-")]
    assert reward(annotated, other_strand, softness=1).value == 0


def test_advantages_are_z_scores_and_0_where_all_are_alike():
    found = advantages(torch.tensor([0.0, 1.0, 2.0]))
    torch.testing.assert_close(found, torch.tensor([-(1.5**0.5), 0, 1.5**0.5]), atol=1e-5, rtol=0)
    assert advantages(torch.full((8,), 0.7)).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("ratio", "advantage", "has_gradient"),
    [(1.0, 1, True), (1.3, 1, False), (0.7, 1, True), (0.7, -1, False), (1.3, -1, True)],
)
def test_a_ratio_that_has_gone_far_enough_has_no_gradient(ratio, advantage, has_gradient):
    now = torch.tensor(ratio).log().requires_grad_()
    loss = policy_losses(now, torch.tensor(0.0), torch.tensor(float(advantage)))
    [gradient] = torch.autograd.grad(loss, now)
    expected = -ratio * advantage if has_gradient else 0
    assert gradient.item() == pytest.approx(expected, abs=1e-6)


def test_the_divergence_is_that_of_kullback_and_leibler_on_average_and_so_is_its_gradient():
    generator = torch.Generator().manual_seed(0)
    policy, reference = torch.randn(2, 6, generator=generator)
    policy.requires_grad_()
    now, other = policy.log_softmax(0), reference.log_softmax(0)
    chances = now.exp().detach()
    exact = (chances * (now - other)).sum()
    estimate = (chances * divergences(now, other)).sum()
    assert estimate.item() == pytest.approx(exact.item(), abs=1e-6)
    assert divergences(now, other).min() >= 0
    [gradient] = torch.autograd.grad(estimate, policy)
    assert gradient.abs().max() > 0.01


@torch.no_grad()
def test_steps_have_the_same_probabilities_in_roll_out_and_update():
    network, rules = model(), Rules()
    sampling = Sampling(temperature=0.7, top_k=5, top_p=0.9)
    for one in (*mixed_examples(), example(letters(random.Random(1), 400), [])):
        generator = torch.Generator().manual_seed(2)
        written = generate(network, [one], codec(), rules, sampling, generator, copies=4, most=40)
        steps = [sample.steps for sample in written]
        targets = batch_of_targets([one] * 4, steps, codec(), rules)
        found = log_probabilities(network, window_batch([one]), targets, sampling.temperature)
        for row, sample in zip(found, written, strict=True):
            expected = torch.tensor(sample.log_probabilities[1:])
            torch.testing.assert_close(row[: len(expected)], expected, rtol=0, atol=1e-5)
            assert not row[len(expected) :].any()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """A baked run and a tiny model."""
    folder = tmp_path_factory.mktemp("inputs")
    write_baked_run(folder / "baked", 1, genes=8)
    sizes = ["--width", 16, "--layers", 1, "--heads", 2, "--inner", 16]
    options = ["--baked", folder / "baked", *sizes, "--out", folder / "model"]
    init_genet5.main(init_genet5.arguments().parse_args(list(map(str, options))))
    return folder


@pytest.fixture(autouse=True)
def process():
    """The script asks for sums in a fixed order, and hears signals, for the whole process."""
    heard = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    torch.use_deterministic_algorithms(False)
    for number, handler in heard.items():
        signal.signal(number, handler)


def words(inputs, out, *options):
    fixed = ["--model", inputs / "model", "--baked", inputs / "baked", "--species", SPECIES]
    fixed += ["--prompts", 2, "--group", 3, "--steps", 3, "--lr", 1e-3]
    return list(map(str, [*fixed, "--out", out, *options]))


def refine(inputs, out, *options):
    grpo.main(grpo.arguments().parse_args(words(inputs, out, *options)))


def started(inputs, out, *options):
    return subprocess.Popen(
        [sys.executable, SCRIPTS / "grpo.py", *words(inputs, out, *options)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(folder):
    with open(folder / "grpo_log.csv") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_a_killed_refinement_goes_on_to_equal_bytes(inputs, caplog):
    folders = inputs / "undisturbed", inputs / "killed"
    killed = started(inputs, folders[1])
    refine(inputs, folders[0])
    while not (folders[1] / "latest").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    with caplog.at_level("INFO"):
        refine(inputs, folders[1])
    assert "going on after step" in caplog.text
    for name in ("latest", "best"):
        one, other = (folder / name / "model.safetensors" for folder in folders)
        assert one.read_bytes() == other.read_bytes()
    latest, begun = (
        folders[0] / "latest" / "model.safetensors",
        inputs / "model" / "model.safetensors",
    )
    assert latest.read_bytes() != begun.read_bytes()
    assert rows(folders[0]) == rows(folders[1])
    assert [row["global_step"] for row in rows(folders[0])] == ["0", "1", "2", "3"]


def test_a_stopped_refinement_saves_its_steps_and_says_try_again(inputs):
    folders = inputs / "whole", inputs / "stopped"
    stopped = started(inputs, folders[1], "--steps", 20)  # saved by itself after even steps
    table = folders[1] / "grpo_log.csv"
    while not table.exists() or len(rows(folders[1])) < 2:
        assert stopped.poll() is None
        time.sleep(0.01)
    stopped.terminate()
    text = stopped.communicate()[1]
    assert stopped.returncode == os.EX_TEMPFAIL and "Traceback" not in text, text
    assert "stopped by SIGTERM; the same command goes on" in text
    done = int(rows(folders[1])[-1]["global_step"])
    shown = re.findall(r"grpo: (\d+)/40 groups .* left", text)
    assert done < 20 and int(shown[-1]) in (2 * done, 2 * done + 1)
    for folder in folders:
        refine(inputs, folder, "--steps", 20)
    one, other = (folder / "latest" / "model.safetensors" for folder in folders)
    assert one.read_bytes() == other.read_bytes() and rows(folders[0]) == rows(folders[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--group", 1], "--group 1: a sample is judged by others of its window; give 2 or more"),
        (["--species", "other"], "other is not baked here; correct --species"),
        (["--seed", 7], "this training began with seed 42, not 7; give another --out"),
    ],
)
def test_what_cannot_be_is_refused_by_a_sentence(inputs, options, sentence):
    out = inputs / ("undisturbed" if "--seed" in options else "refused")
    with pytest.raises(InputError, match=re.escape(sentence)):
        refine(inputs, out, *options)
