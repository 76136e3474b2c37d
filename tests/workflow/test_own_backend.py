"""A model of transformers from a folder, named in the config alone."""

import json

from own_models import PROT_BERT, write_prot_bert
from safetensors.torch import load_file

ELSEWHERE = {"simulate": None, "fusions": {}, "experiments": {}, "predict": {}, "export": []}


def test_a_backend_of_the_config_is_fetched_tried_and_used(fresh):
    write_prot_bert(fresh.folder / "published")
    (fresh.folder / "proteins.faa").write_text(">a\nMKVLAA\n>b\nMSTNPKPQR\n")
    (fresh.folder / "samples.tsv").write_text(
        "sample\tfasta\tmolecule\nproteins\tproteins.faa\tprotein\n"
    )
    entry = PROT_BERT | {"local": "published"}
    fresh.configure(**ELSEWHERE, backends={"mine": entry}, protein_backends=["mine"])
    planned = fresh.planned("embed")
    assert (planned["fetch_model"], planned["embed_shard"]) == (1, 1)
    fresh.run("embed")
    [matrix] = (fresh.folder / "results/embeddings/mine").rglob("*.safetensors")
    assert load_file(matrix)["embedding"].shape == (2, 16)
    [log] = (fresh.folder / "logs/fetch_model/mine").iterdir()
    assert "mine: padded and alone the vectors are the same" in log.read_text()
    [card] = (fresh.folder / "models/mine").rglob("model.json")
    assert json.loads(card.read_text())["provenance"]["versions"]["transformers"]
    assert fresh.planned("embed") == {}

    reading = {"spaces": True, "as_x": "UZOBJ"}
    fresh.configure(
        **ELSEWHERE, backends={"mine": entry | {"reading": reading}}, protein_backends=["mine"]
    )
    planned = fresh.planned("embed")
    assert (planned["fetch_model"], planned["embed_shard"]) == (1, 1)
