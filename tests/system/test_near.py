"""Names that are near to one that there is not."""

from ganzoo.system.near import near, nearest


def test_dashes_and_case_count_little():
    names = ["mode-collapse", "two-sample"]
    for typed in ("modecollapse", "mode_collapse", "Mode-Collapse", "mode-colapse"):
        assert near(typed, names) == ["mode-collapse"]
    assert near("xyz", names) == []


def test_one_is_named_or_all_if_they_are_few():
    assert nearest("widht", ["width", "height"], "--") == "; did you mean --width?"
    assert nearest("xyz", ["b", "a"], "--") == "; there are: --a, --b"
    assert nearest("xyz", map(str, range(31))) == ""
    assert nearest("xyz", []) == ""


def test_what_stands_before_a_name_makes_none_near():
    assert nearest("width", ["raw"], "--") == "; there are: --raw"


def test_of_several_the_nearest_comes_first():
    assert near("lsun_tow", ["lsun_tower", "lsun_town", "mnist"], 3) == ["lsun_town", "lsun_tower"]
