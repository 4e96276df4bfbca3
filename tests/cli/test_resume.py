"""`ganzoo resume`: what is refused before anything is loaded."""

import pytest

from ganzoo.cli.resume import go_on
from ganzoo.system.errors import UserError


@pytest.mark.parametrize("option", [["--trainer.default_root_dir", "new"], ["--trainer.default_root_dir=new"]])
def test_a_place_for_new_runs_means_nothing_to_one_that_goes_on(tmp_path, option):
    with pytest.raises(UserError, match=r"goes on in its own folder.*give --run_dir NEW"):
        go_on(str(tmp_path), None, option)
    with pytest.raises(UserError, match=r"not the folder of a run"):  # the next question
        go_on(str(tmp_path), None, [*option, "--run_dir", "new"])
