"""The card of a model that is given away."""

import sys
from pathlib import Path

import pytest
import yaml
from conftest import kept

import ganzoo
from ganzoo.cli.arguments import complete
from ganzoo.models import GAN, CycleGAN
from ganzoo.runs.card import card, code, plain
from ganzoo.runs.scores import Score

RECIPE = {"extractor": {"name": "inception", "weights": None}, "real": 300, "fake": 50, "data": {"split": "val"}}
SCORES = [Score("fid", 12.345678, "± 0.4", RECIPE, "val"), Score("kl", 0.5, "", {}, "final")]


def config(**more):
    return {
        "class_path": "ganzoo.models.GAN",
        "init_args": {"latent_dim": 8, "shape": [1, 8, 8], "ema": 1000.0, "generator": None},
        "seed": 3,
        "images_seen": 6400,
        "step": 100,
        "weights": "ema",
        "does": ["z (N, 8) to (N, 1, 8, 8)"],
        "options": {"data": {"class_path": "ganzoo.data.MNIST", "init_args": {"batch_size": 64}}, "devices": 1},
        "versions": {"ganzoo": "0.1.0"},
        **more,
    }


def made(scores=SCORES, name="hf://me/digits", ckpt="x.ckpt", picture="", model=None, **more):
    model = model or GAN(shape=(1, 8, 8))
    return card(model, config(**more), scores, name, Path(ckpt), picture)


def front(text):
    return yaml.safe_load(text.split("---\n")[1])


def section(text, name):
    return text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_what_it_tells():
    text = made(picture="samples.png")
    assert "![Samples](samples.png)" in text
    assert 'ganzoo.load("hf://me/digits")' in section(text, "Use")
    assert "`ganzoo sample hf://me/digits`" in section(text, "Use")
    recipe = section(text, "Recipe")
    for row in ("| rounds | 100 |", "| images seen | 6,400 |", "| batch | 64 |", "| seed | 3 |"):
        assert row in recipe
    assert "half-life of 1,000 images" in recipe
    assert "CC BY-SA 3.0, Yann LeCun and Corinna Cortes" in section(text, "Data")
    assert (
        "| fid | 12.346 (± 0.4) | from val, extractor (name inception), real 300, fake 50, data (split val) |" in text
    )
    assert "| kl | 0.5 | from final; the run kept no recipe |" in text
    assert "6,400 images of 8 x 8 px" in section(text, "Limits")
    assert "\n\n\n" not in text


def test_a_run_of_its_training_file_can_start(tmp_path):
    block = section(made(), "Recipe").partition("```yaml\n")[2].partition("\n```")[0]
    (tmp_path / "training.yaml").write_text(block)
    assert yaml.safe_load(block)["trainer"] == {"max_steps": 100}
    args = complete(["fit", "--config", str(tmp_path / "training.yaml"), "--data.root", "x"])
    assert args[:2] == ["fit", "--config"]


def test_its_training_file_has_no_internals_of_metrics():
    metric = {"class_path": "ganzoo.metrics.FID", "init_args": {"seed": 1, "compute_on_cpu": False}}
    data = {"class_path": "ganzoo.data.MNIST", "init_args": {"extra_metrics": [metric]}}
    text = section(made(options={"data": data}), "Recipe")
    assert "seed: 1" in text
    assert "compute_on_cpu" not in text


def test_the_hub_reads_its_top():
    result = front(made())["model-index"][0]["results"][0]
    assert result["dataset"] == {"name": "MNIST", "type": "mnist", "split": "val"}
    assert result["metrics"][0]["value"] == 12.345678
    assert front(made())["pipeline_tag"] == "unconditional-image-generation"
    assert "model-index" not in front(made([]))
    assert "None is known of these very weights" in made([])


def test_without_the_hubs_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    top = front(made())
    assert top["library_name"] == "ganzoo"
    assert "model-index" not in top


@pytest.mark.parametrize(
    ("data", "folder", "words"),
    [
        ("Faces", "celeba", "not to be passed on"),
        ("Faces", "my_photos", "licence is not known to ganzoo"),
        ("Horse2Zebra", "horse2zebra", "the images are from ImageNet"),
        ("ImageFolder", "celeba", "licence is not known to ganzoo"),
        ("Digits", "", "CC BY 4.0, E. Alpaydin"),
        ("Toy2D", "", "none is needed"),
    ],
)
def test_the_datas_licence(tmp_path, data, folder, words):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text(yaml.safe_dump({"data": {"init_args": {"root": f"/secret/{folder}"}}}))
    options = {"data": {"class_path": f"ganzoo.data.{data}", "init_args": {}}}
    text = made(ckpt=run / "checkpoints" / "last.ckpt", options=options)
    assert words in section(text, "Data")
    assert "/secret" not in text


def test_of_images_and_of_others_classes():
    model = CycleGAN(shapes={"a": (3, 8, 8), "b": (3, 8, 8)})
    model.shape = (3, 8, 8)
    args = {"init_args": {"generator": {"class_path": "nets.Mine"}, "ema": "settings"}}
    text = made(model=model, class_path="ganzoo.models.CycleGAN", does=["AtoB, image"], **args)
    assert 'load("hf://me/digits", trust=True)' in text
    assert "`nets.Mine`" in text
    assert "`ganzoo translate hf://me/digits --trust --input PATH`" in text
    assert front(text)["pipeline_tag"] == "image-to-image"
    assert "| weights | their moving average |" in text


def test_hostile_names_stay_text():
    evil = "x`|<script>alert(1)</script>\n# ![p](http://evil)---"
    score = Score(evil, 1.0, "", {"extractor": evil}, "val")
    options = {"data": {"class_path": f"my.{evil}", "init_args": {"root": "```\n# evil"}}, "devices": evil}
    text = made([score], evil, does=[evil], versions={evil: evil}, options=options)
    assert "<script>" not in text.partition("```yaml")[0].split("---\n", 2)[2].replace(code(evil), "")
    assert "\n# ![p]" not in text
    assert front(text)["model-index"]  # its top is whole
    assert plain("a|b<c>*d*\n[e]") == r"a\|b&lt;c&gt;\*d\*\\n\[e\]"


def test_an_export_has_one(tmp_path, monkeypatch, capsys):
    from ganzoo.cli import main

    monkeypatch.chdir(tmp_path)
    kept(GAN(shape=(2,), latent_dim=8), tmp_path / "x.ckpt")
    main(["export", "x.ckpt", "--out", "points.safetensors"])
    assert capsys.readouterr().out.endswith("Its card: points.md\n")
    text = (tmp_path / "points.md").read_text()
    assert 'ganzoo.load("points.safetensors")' in text
    assert "(64, 2), float32\n" in text  # points have no range
    assert "does not say what the model was trained on" in text
    assert ganzoo.load("points.safetensors").sample(3).shape == (3, 2)
