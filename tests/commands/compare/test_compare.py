"""Runs side by side: which are one setting, which scores may be ranked, and what is told of odd runs."""

import base64
import hashlib
import json
import math
import os
from copy import deepcopy
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from commands.compare.written import RECIPE, config, small_model, write_run
from ganzoo.cli import main
from ganzoo.commands.compare import figure as figure_module
from ganzoo.commands.compare import page as page_module
from ganzoo.commands.compare.command import write
from ganzoo.commands.compare.curves import axis_to_begin_with, panels_of, thinned
from ganzoo.commands.compare.page import cell
from ganzoo.commands.compare.samples import memorized, opened, picture_of, rounds_of, same_noise
from ganzoo.commands.compare.scores import direction, only_read, rows_of
from ganzoo.commands.compare.settings import all_options, common_name, names_of, other_data, settings_of
from ganzoo.commands.compare.taken import taken_by
from ganzoo.pictures.grids import grid
from ganzoo.runs.results import Results
from ganzoo.system.errors import UserError


def settings_in(*folders):
    runs = [Results.read(str(folder)) for folder in folders]
    return settings_of(runs, names_of([run.folder for run in runs]))


def changed(**parts):
    """A recipe in which some parts are others."""
    return {**deepcopy(RECIPE), **parts}


def only_row(*folders):
    (row,) = rows_of(settings_in(*folders))
    return row


# Settings -------------------------------------------------------------------------------------------------


def test_runs_that_differ_in_seed_and_place_are_one_setting(tmp_path):
    runs = [write_run(tmp_path / f"a-{seed}", options=config(seed)) for seed in (0, 1, 2)]
    other = write_run(tmp_path / "b", options=config(0, lr=1e-3))
    first, second = settings_in(runs[0], other, *runs[1:])
    assert [run.seed for run in first.runs] == ["0", "1", "2"]
    assert (first.letter, first.name, second.letter, second.name) == ("A", "a", "B", "b")
    differing = [(name, values) for name, values, differ in all_options([first, second]) if differ]
    assert differing == [("model.generator_optimizer.lr", ["0.0002", "0.001"])]


def test_other_metrics_are_neither_another_setting_nor_other_data(tmp_path):
    metrics = ([{"class_path": f"ganzoo.metrics.{name}", "init_args": {"limit": 9}}] for name in ("FID", "PRDC"))
    first, second = (config(seed, extra_metrics=value) for seed, value in enumerate(metrics))
    (setting,) = settings_in(write_run(tmp_path / "a", options=first), write_run(tmp_path / "b", options=second))
    assert not [name for name in setting.options if "extra_metrics" in name]
    lists = settings_in(
        *(write_run(tmp_path / f"{n}", options=config(num_workers=[{"n": n}])) for n in range(2))
    )  # an option that doesn't make other data, with values inside
    assert (len(lists), other_data(lists)) == (2, "")


def test_an_option_that_one_run_lacks_differs(tmp_path):
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b", options=config(extra=3))
    assert all_options(settings_in(a, b))[0] == ("data.extra", ["not there", "3"], True)


def test_runs_without_options_are_not_taken_for_one_setting(tmp_path):
    folders = [write_run(tmp_path / name) for name in "ab"]
    for folder in folders:
        (folder / "config.yaml").unlink()
    assert len(settings_in(*folders)) == 2


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/a", "/y/b"], ["a", "b"]),
        (["/x/a/1", "/x/b/1"], ["a/1", "b/1"]),
        (["/x/digits/dcgan/2026-11-29_05-59-18"], ["dcgan/2026-11-29_05-59-18"]),
        (["/x/\x1b[31m\u202ered"], ["\\x1b[31m\\u202ered"]),
    ],
)
def test_names_are_as_short_as_they_can_be(paths, names):
    assert names_of([Path(path) for path in paths]) == names


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["run-0", "run-1"], "run"),
        (["dcgan/2026-11-29_05-59-18", "dcgan/2026-11-29_05-58-01"], "dcgan"),
        (["x", "y", "z"], "x and 2 more"),
    ],
)
def test_seeds_have_the_name_that_they_share(names, name):
    assert common_name(names) == name


# Scores ---------------------------------------------------------------------------------------------------


def test_seeds_are_joined_to_mean_and_deviation(tmp_path):
    values = (1.0, 2.0, 6.0)  # at round 20; mean 3; squares 4 + 1 + 9 = 14, over n - 1 = 2: 7
    row = only_row(*(write_run(tmp_path / f"{n}", (9.0, v), config(n)) for n, v in enumerate(values)))
    (joined,) = row.cells
    assert (joined.value, joined.num, joined.step) == (3.0, 3, 20)
    assert joined.range == pytest.approx((3 - math.sqrt(7), 3 + math.sqrt(7)))
    assert (joined.text, joined.spread) == ("3", "± 2.6")


def test_the_lowest_fid_is_the_best_where_recipes_are_equal(tmp_path):
    row = only_row(
        *(write_run(tmp_path / f"a{n}", (v,), config(n)) for n, v in enumerate((10.0, 10.2))),
        *(write_run(tmp_path / f"b{n}", (v,), config(n, lr=1e-3)) for n, v in enumerate((10.3, 10.0))),
        *(write_run(tmp_path / f"c{n}", (v,), config(n, lr=1e-2)) for n, v in enumerate((20.0, 21.0))),
    )
    assert [cell.rank for cell in row.cells] == ["best", "not told from the best", ""]
    assert row.why_not == ""


def test_a_score_of_which_more_is_better(tmp_path):
    folders = [
        write_run(tmp_path / f"{lr}", options=config(0, lr), more={"val/modes": value})
        for lr, value in ((1e-4, 7), (1e-3, 9))
    ]
    for folder in folders:
        (folder / "recipes.json").write_text(json.dumps({"val/modes": changed(metric="modes")}))
    row = next(row for row in rows_of(settings_in(*folders)) if row.name == "modes")
    assert [cell.rank for cell in row.cells] == ["", "best"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (changed(fake=50_000), "fake 5,000 and 50,000"),
        (changed(extractor={**RECIPE["extractor"], "resize": "clean"}), "extractor resize bilinear and clean"),
        (changed(data={**RECIPE["data"], "checksum": "bb"}), "data checksum aa and bb"),
        (changed(weights="raw"), "weights ema and raw"),
    ],
)
def test_scores_of_other_recipes_are_not_ranked_and_the_part_is_told(tmp_path, other, words):
    row = only_row(write_run(tmp_path / "a"), write_run(tmp_path / "b", (1.0,), config(0, lr=1), recipe=other))
    assert row.why_not == f"the recipes of A and B differ: {words}"
    assert [cell.rank for cell in row.cells] == ["", ""]
    if "checksum" not in words:  # which recipes in words don't have
        assert row.recipe.startswith("A: ")
        assert " | B: " in row.recipe


def test_seeds_of_other_recipes_are_not_averaged(tmp_path):
    row = only_row(
        write_run(tmp_path / "a0", (4.0,), config(0)),
        write_run(tmp_path / "a1", (2.0,), config(1), recipe=changed(fake=10_000)),
    )
    assert row.cells[0].text == "4, 2"
    assert row.cells[0].spread == "not averaged"
    assert row.cells[0].range is None
    assert row.why_not == "the recipes of seeds of A differ: fake 5,000 and 10,000"


def test_seeds_that_stand_at_other_rounds_are_not_averaged(tmp_path):
    killed = write_run(tmp_path / "a1", (9.0,), config(1))
    row = only_row(write_run(tmp_path / "a0", (9.0, 4.0), config(0)), killed)
    assert (row.cells[0].text, row.cells[0].spread, row.cells[0].range) == ("4, 9", "not averaged", None)
    assert row.why_not == "seeds of A stand at rounds 10 and 20"


def test_settings_that_stand_at_other_rounds_are_ranked_with_a_word(tmp_path):
    row = only_row(write_run(tmp_path / "a", (9.0, 4.0)), write_run(tmp_path / "b", (9.0,), config(0, lr=1)))
    assert [cell.rank for cell in row.cells] == ["best", ""]
    assert "the settings stand at rounds 10 and 20" in row.notes


def test_scores_without_a_recipe_are_not_ranked(tmp_path):
    row = only_row(write_run(tmp_path / "a"), write_run(tmp_path / "b", (1.0,), config(0, lr=1), recipe=None))
    assert row.why_not == "no recipe is stored (a run of an earlier version)"


def test_other_versions_are_told_and_ranked(tmp_path):
    newer = changed(versions={**RECIPE["versions"], "torch": "3.0"})
    row = only_row(write_run(tmp_path / "a"), write_run(tmp_path / "b", (1.0,), config(0, lr=1), recipe=newer))
    assert [cell.rank for cell in row.cells] == ["", "best"]
    assert row.notes[0] == "torch 2.6 and 3.0"


def test_an_extractor_s_name_in_a_score_s(tmp_path):
    assert direction("fid_digits") is False
    assert direction("fid_some_network") is False
    assert direction("nothing_known") is None


def test_a_deviation_stands_at_its_score_and_is_neither_ranked_nor_plotted(tmp_path):
    folders = [
        write_run(tmp_path / f"{lr}", options=config(0, lr), more={"val/kid_judge": kid, "val/kid_std_judge": 0.1})
        for lr, kid in ((1e-4, 0.5), (1e-3, 0.6))
    ]
    settings = settings_in(*folders)
    rows = {row.name: row for row in rows_of(settings)}
    assert [*rows] == ["fid", "kid_judge"]
    assert [cell.spread for cell in rows["kid_judge"].cells] == ["± 0.1"] * 2
    assert "val/kid_std_judge" not in [panel["name"] for panel in panels_of(settings)]


def test_a_score_that_is_best_in_the_middle_has_no_best(tmp_path):
    assert direction("c2st_vgg16") is None
    assert only_read("c_t_vgg16")
    assert not only_read("fid")
    for name, value in (("a", 18.98), ("b", 0.1)):  # the first version said that higher is better
        run = write_run(tmp_path / name, options=config(0, lr=value))
        score = {"value": value, "higher_is_better": True, "deviation": None, "interval": None, "recipe": RECIPE}
        (run / "evaluation.json").write_text(json.dumps({"format": 1, "of": {"step": 40}, "scores": {"c_t": score}}))
    row = rows_of(settings_in(tmp_path / "a", tmp_path / "b"))[0]
    assert (row.name, row.higher, [cell.rank for cell in row.cells]) == ("c_t", None, ["", ""])
    assert row.why_not.startswith("neither more nor less is best")
    assert rows_of(settings_in(tmp_path / "a"))[0].why_not == ""


def test_an_evaluation_has_its_interval(tmp_path):
    for name, value, interval in (("a", 5.0, [4.0, 6.0]), ("b", 5.5, [5.2, 7.0]), ("c", 9.0, [8.0, 10.0])):
        run = write_run(tmp_path / name, options=config(0, lr=len(name) + value))
        score = {"value": value, "higher_is_better": False, "deviation": None, "interval": interval, "recipe": RECIPE}
        (run / "evaluation.json").write_text(json.dumps({"format": 1, "of": {"step": 40}, "scores": {"fid": score}}))
    row = rows_of(settings_in(*(tmp_path / name for name in "abc")))[0]
    assert (row.stage, [cell.spread for cell in row.cells]) == ("by ganzoo evaluate", ["4 to 6", "5.2 to 7", "8 to 10"])
    assert [cell.rank for cell in row.cells] == ["best", "not told from the best", ""]


def test_other_data_are_told_and_not_ranked_without_recipes(tmp_path):
    settings = settings_in(
        write_run(tmp_path / "a", recipe=None), write_run(tmp_path / "b", options=config(image_size=32), recipe=None)
    )
    assert other_data(settings) == "data.image_size is 16 in A and 32 in B"
    assert rows_of(settings)[0].why_not.endswith(f"; the data differ: {other_data(settings)}")
    read_otherwise = settings_in(tmp_path / "a", write_run(tmp_path / "c", options=config(batch_size=32)))
    assert len(read_otherwise) == 2
    assert other_data(read_otherwise) == ""


# Curves ---------------------------------------------------------------------------------------------------


def test_a_mean_curve_has_the_rounds_that_all_seeds_have(tmp_path):
    settings = settings_in(
        write_run(tmp_path / "0", (30.0, 20.0, 10.0), config(0)), write_run(tmp_path / "1", (32.0, 26.0), config(1))
    )
    panel = panels_of(settings)[0]
    joined, *each = panel["lines"]
    assert (panel["name"], panel["score"], panel["higher"]) == ("val/fid", True, False)
    assert (joined["steps"], joined["values"]) == ([10, 20], [31.0, 23.0])
    assert joined["deviations"] == pytest.approx([math.sqrt(2), math.sqrt(18)])
    assert (joined["images"], joined["seconds"]) == ([80, 160], [15.0, 30.0])
    assert [(line["run"], len(line["steps"])) for line in each] == [("0", 3), ("1", 2)]


def test_a_run_without_times_has_no_place_on_their_axis(tmp_path):
    settings = settings_in(write_run(tmp_path / "a"), write_run(tmp_path / "b", options=config(0, lr=1), times=None))
    panels = panels_of(settings)
    assert panels[0]["lines"][1]["images"] == [None] * 4
    assert axis_to_begin_with(panels) == "steps"
    assert axis_to_begin_with(panels_of(settings[:1])) == "images"


def test_a_long_curve_is_thinned_and_keeps_its_end():
    curve = [(step, float(step)) for step in range(1001)]
    short = thinned(curve)
    assert len(short) <= 400
    assert short[-1] == curve[-1]
    assert {b[0] - a[0] for a, b in pairwise(short)} == {3}


# Pictures -------------------------------------------------------------------------------------------------


def test_samples_are_those_of_the_model_from_the_seed(tmp_path):
    model = small_model()
    run = Results.read(str(write_run(tmp_path / "a", model=model)))
    shown = same_noise(run, 9, 5, trust=False)
    assert shown.drawn
    assert shown.uri == picture_of(grid(model.sample(9, seed=5)), "", 1024).uri
    assert shown.uri != same_noise(run, 9, 6, trust=False).uri


def test_without_a_checkpoint_its_picture_is_shown_and_the_reason_told(tmp_path):
    run = Results.read(str(write_run(tmp_path / "a")))
    shown = same_noise(run, 9, 0, trust=False)
    assert not shown.drawn
    assert "not drawn anew: there is no checkpoint" in shown.said
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "last.ckpt").write_bytes(b"nonsense")
    assert "is no checkpoint" in same_noise(run, 9, 0, trust=False).said
    (run.folder / "samples.png").write_bytes(b"nonsense")
    assert same_noise(run, 9, 0, trust=False) is None
    assert run.notices[-1].startswith("no samples: ")


def test_pictures_of_rounds_stay_until_the_next_one(tmp_path):
    a, b = (Results.read(str(write_run(tmp_path / name))) for name in "ab")
    b.pictures = [(step, path) for step, path in b.pictures if step == 20]
    rounds, at, held = rounds_of([a, b], 16)
    assert rounds == [0, 20, 40]
    assert at == [[0, 1, 2], [None, 0, 0]]
    assert [len(pictures) for pictures in held] == [3, 1]
    assert rounds_of([a, b], 2)[0] == [0, 40]


def test_a_large_picture_is_made_smaller_and_a_huge_one_is_refused(tmp_path):
    assert (picture_of(Image.new("RGB", (3000, 1500)), "", 1024).width) == 1024
    run = Results.read(str(write_run(tmp_path / "a")))
    Image.new("1", (10_000, 8_000)).save(run.folder / "samples.png")
    assert same_noise(run, 4, 0, trust=False) is None


# The command ----------------------------------------------------------------------------------------------


EVIL = "<img src=x onerror=alert(1)>"
CLOSING = "</script><script>alert(2)</script>"


class Tags(HTMLParser):
    """Counts the tags of a page, and keeps what is inside of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.inside, self.attributes = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attr) for attr in attrs]

    def handle_data(self, text):
        if self.cdata_elem is not None:
            self.inside[self.cdata_elem] = [*self.inside.get(self.cdata_elem, []), text]


def run(*args):
    main([str(arg) for arg in args])


def refused(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        run(*args)
    assert stop.value.code == 1
    words = capsys.readouterr().err.strip()
    assert "\n" not in words
    return words


@pytest.fixture
def quick(monkeypatch):
    """No picture beside the page: it takes a second."""
    monkeypatch.setattr("ganzoo.commands.compare.command.save_comparison", lambda *args: args[3].touch())


def test_compare_writes_a_page_a_picture_and_a_table(tmp_path, capsys):
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b", (5.0,), config(0, lr=1))
    run("compare", a, b, "--out", tmp_path / "out" / "c.html")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["c.html", "c.md", "c.png"]
    said = capsys.readouterr().out
    assert f"A: {a}\nB: {b}\nScores in the last validation\n  fid: A 8, B 5 (best)\n" in said
    assert "| fid in the last validation, lower is better | 8 | **5** | yes" in (tmp_path / "out" / "c.md").read_text()
    with Image.open(tmp_path / "out" / "c.png") as picture:
        assert max(picture.size) <= 1600


@pytest.mark.usefixtures("quick")
def test_a_score_of_the_last_validation_is_folded_where_each_setting_has_a_firmer_one(tmp_path):
    more = {"val/kl": 1.0, "final/fid": 3.0}
    write_run(tmp_path / "a", more=more)
    write_run(tmp_path / "b", options=config(0, lr=1), more=more)
    write_run(tmp_path / "c", options=config(0, lr=2))

    def told(*folders):
        settings = settings_in(*(tmp_path / name for name in folders))
        made = page_module.Comparison(settings, {}, "", "")
        return [
            [f"{name}: {row.name}" for name, stage in some.items() for row in stage.rows]
            for some in (made.firmest, made.folded)
        ]

    assert told("a", "b")[1] == ["in the last validation: fid"]
    assert told("a", "b")[0] == ["at the end of training: fid", "in the last validation: kl"]
    assert told("a", "c")[1] == []  # c has the one of the last validation alone


def test_nothing_of_a_run_becomes_a_tag(tmp_path):
    options = config(root=f"/data/{CLOSING}")
    bad = write_run(tmp_path / EVIL.replace("/", ""), options=options, more={f"val/{EVIL}": 1.0, CLOSING: 2.0})
    (bad / "recipes.json").write_text(json.dumps({"val/fid": changed(data={"name": EVIL, "size": [1]})}))
    (bad / "machine.json").write_text((bad / "machine.json").read_text().replace("a CPU", CLOSING.replace('"', "")))
    run("report", bad, "--out", tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    tags = Tags(text)
    assert tags.tags.count("script") == 2  # the data, and the page's own
    assert ("img", "src", "x") not in tags.attributes
    assert not [name for _, name, _ in tags.attributes if name.startswith("on")]
    assert "style" not in {name for _, name, _ in tags.attributes}
    assert "&lt;img src=x" in text
    table = (tmp_path / "r.md").read_text()
    assert "<img" not in table
    assert "<script" not in table


@pytest.mark.usefixtures("quick")
def test_the_policy_names_the_style_and_the_script_and_lets_nothing_else_in(tmp_path):
    run("report", write_run(tmp_path / "a"), "--out", tmp_path / "r.html")
    tags = Tags((tmp_path / "r.html").read_text())
    policy = next(value for _, name, value in tags.attributes if name == "content" and "default-src" in value)
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert (allowed["default-src"], allowed["img-src"], allowed["base-uri"]) == ("'none'", "data:", "'none'")
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(tags.inside[kind][-1].encode()).digest()).decode()
        assert allowed[f"{kind}-src"] == f"'sha256-{digest}'"
    sources = [value for _, name, value in tags.attributes if name in ("src", "href")]
    assert all(value.startswith(("data:", "#")) for value in sources)


@pytest.mark.usefixtures("quick")
def test_the_same_run_twice_is_taken_once_and_told(tmp_path, capsys):
    a = write_run(tmp_path / "a")
    (tmp_path / "link").symlink_to(a)
    run("compare", a, tmp_path / "link", a / "config.yaml", "--out", tmp_path / "c.html")
    said = capsys.readouterr().out
    assert said.count("is taken once") == 2
    assert "Run a: " in said


@pytest.mark.usefixtures("quick")
def test_odd_runs_are_told_and_compared(tmp_path, capsys):
    half = write_run(tmp_path / "half")
    with open(half / "metrics.csv", "a") as file:
        file.write("50,0.")
    (half / "machine.json").write_text('{"format": 1, "rows": [[0, 0')
    (half / "recipes.json").write_text("[]")
    empty = tmp_path / "empty"
    (empty / "checkpoints").mkdir(parents=True)
    old = write_run(tmp_path / "old", options=config(0, lr=1), recipe=None, times=None, pictures=False)
    run("compare", half, empty, old, "--out", tmp_path / "c.html")
    said = capsys.readouterr().out
    assert "A (half): machine.json can't be read" in said
    assert "recipes.json holds no recipes" in said
    assert "B (empty): its options are not known" in said
    assert "B (empty): there is no metrics.csv, so no curves." in said
    assert "C (old): time, memory and machine were not recorded" in said
    run("report", empty, "--out", tmp_path / "r.html")
    assert "\nempty: there is no metrics.csv, so no curves." in capsys.readouterr().out  # one run has no letter


def test_what_is_no_run_is_refused_in_a_line(tmp_path, capsys):
    a = write_run(tmp_path / "runs" / "digits" / "a")
    out = tmp_path / "c.html"
    assert "there is no run" in refused(capsys, "compare", a, tmp_path / "nowhere", "--out", out)
    assert f"such as {a}" in refused(capsys, "compare", a, a.parent, "--out", out)
    assert "give a .html" in refused(capsys, "compare", a, "--out", tmp_path / "c.pdf")
    assert "give at least" in refused(capsys, "report", a, "--num", "0", "--out", out)
    assert not out.exists()
    assert not out.with_suffix(".md").exists()


def test_huge_figures_are_left_out(tmp_path):
    run = write_run(tmp_path / "a", (1.7e308, -1.7e308, 3.0))
    with open(run / "metrics.csv", "a") as file:
        file.write(f"{10**40},0.5,1\n")
    scores = {"kid": {"value": 1.7e308}}
    (run / "evaluation.json").write_text(json.dumps({"format": 1, "of": {}, "scores": scores}))
    found = Results.read(str(run))
    assert found.curves["val/fid"] == [(30, 3.0)]
    assert "evaluated/kid" not in found.scores
    assert len([notice for notice in found.notices if "left out" in notice or "1.7e+308" in notice]) == 3


def test_pipes_in_the_place_of_files_are_left_out(tmp_path):
    run = write_run(tmp_path / "a", pictures=False)
    (run / "samples").mkdir()
    for name in ("config.yaml", "recipes.json", "machine.json", "samples/0000009.png"):
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)
    found = Results.read(str(run))
    assert len([notice for notice in found.notices if "no file" in notice]) >= 2
    assert rounds_of([found], 4)[2] == [[""]]


def test_a_picture_of_one_long_row_is_refused(tmp_path):
    run = write_run(tmp_path / "a", pictures=False)
    Image.new("L", (40_000, 1)).save(run / "samples.png")
    with pytest.raises(UserError, match="too many"):
        opened(run / "samples.png")


@pytest.mark.parametrize("option", [{"num": 10**9}, {"seed": 2**63}])
def test_huge_numbers_are_refused(tmp_path, option):
    run, given = write_run(tmp_path / "a"), {"num": 4, "seed": 0, **option}
    with pytest.raises(UserError, match="give at most"):
        write([str(run)], str(tmp_path / "c.html"), rounds=2, trust=False, **given)


def test_nothing_is_put_in_place_unless_all_is_made(tmp_path, monkeypatch):
    def fail(*args):
        raise UserError("no picture")

    monkeypatch.setattr("ganzoo.commands.compare.command.save_comparison", fail)
    with pytest.raises(UserError):
        write([str(write_run(tmp_path / "a"))], str(tmp_path / "c.html"), 4, 0, 2, False)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("rounds", ["²", "9" * 5000, "many"])
def test_an_odd_number_of_rounds_is_left_out(tmp_path, rounds):
    run = Results.read(str(write_run(tmp_path / "a")))
    run.options["trainer.max_steps"] = rounds
    assert taken_by(run).rounds == "40"


def test_a_cell_of_markdown_holds_no_markup():
    assert cell("a|b <b> [x](y) `c` \\ *d*") == r"a\|b &lt;b&gt; \[x\](y) \`c\` \\ \*d\*"


def test_no_template_is_long():
    for path in page_module.TEMPLATES.iterdir():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path


def test_which_values_are_better_is_an_arrow_with_words_for_who_can_not_see_it(tmp_path):
    runs = [write_run(tmp_path / f"{lr}", options=config(0, lr), more={"val/modes": 7}) for lr in (1, 2)]
    text = page_module.page(page_module.Comparison(settings_in(*runs), {Path(run): "r" for run in runs}, "", ""))
    assert 'aria-label="lower is better" title="lower is better">↓<' in text
    assert 'aria-label="higher is better" title="higher is better">↑<' in text
    assert "<small>lower is better</small>" not in text


def test_the_picture_has_samples_and_a_table(tmp_path, monkeypatch):
    runs = [write_run(tmp_path / f"{lr}", options=config(0, lr), more={}) for lr in (1, 2)]
    settings, kept_ = settings_in(*runs), []
    monkeypatch.setattr(figure_module, "save_figure", lambda figure, path: kept_.append(figure))
    picture = picture_of(Image.new("RGB", (20, 20)), "", 99)
    figure_module.save_comparison(settings, [], rows_of(settings), "x", [("A", picture), ("B", None)])
    titles = [axes.get_title() for axes in kept_[0].axes]
    assert titles == ["samples A", "", "fid in the last validation"]
    assert [cell.get_text().get_text() for cell in kept_[0].axes[1].tables[0].get_celld().values()][3:] == [
        *("fid in the last validation, lower is better", "8", "8")
    ]
    figure_module.save_comparison(settings[:1], [], rows_of(settings[:1]), "x")  # one run: nothing to compare
    assert [axes.get_title() for axes in kept_[1].axes] == [""]


def test_samples_beside_their_nearest_training_images_are_shown_where_they_were_scored(tmp_path):
    scored = write_run(tmp_path / "a", more={"val/memorized": 0.5})
    Image.new("RGB", (60, 90), "red").save(scored / "memorization.png")
    assert memorized(Results.read(str(scored))).said.endswith("in the last validation, round 40")
    other = write_run(tmp_path / "b", more={"val/memorized": 0.5})
    (other / "memorization.png").write_bytes(b"nonsense")
    stale = write_run(tmp_path / "c")  # what was scored since is something else
    Image.new("RGB", (60, 90), "red").save(stale / "evaluation-memorization.png")
    settings = settings_in(scored, other, stale)
    made = page_module.Comparison(settings, {Path(run): "r" for run in (scored, other, stale)}, "", "")
    text = page_module.page(made)
    assert [picture.height for _, picture in made.memorized] == [90]
    assert sum("memorization.png can't be read" in notice for notice in made.notices) == 1
    assert 'href="#nearest"' in text
    assert 'each beside the training image that it is nearest to, in the last validation, round 40"' in text
    none = page_module.Comparison(settings_in(stale), {Path(stale): "r"}, "", "")
    assert "nearest" not in page_module.page(none)
