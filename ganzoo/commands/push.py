"""`ganzoo push`: a trained generator, with its card, on Hugging Face's hub."""

import json
import tempfile
from pathlib import Path
from typing import Any

from ganzoo.commands.export.command import export_program
from ganzoo.commands.export.giving import Given
from ganzoo.game import FromNoise
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.chosen import chosen
from ganzoo.runs.hub import MODEL, REPOSITORY, asking, the_hub
from ganzoo.system.errors import UserError
from ganzoo.system.files import in_words
from ganzoo.system.output import say
from ganzoo.system.reading import read_json

__all__ = ["push"]

SAMPLES = 64
CARD, CONFIG, PICTURE, PROGRAM = "README.md", "config.json", "samples.png", "generator.pt2"


def push(
    ckpt: str,
    repository: str,
    private: bool = False,
    revision: str | None = None,
    pt2: bool = False,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Upload a checkpoint's generator to Hugging Face's hub, where ganzoo.load("hf://user/name") finds it.

    What goes up is the generator's weights (model.safetensors), what is needed to build it again (config.json), a card
    (README.md) with recipe, data and scores, and for a model from noise a picture of samples. Never the state of the
    training, nor any data. Log in first with `hf auth login`, or set HF_TOKEN.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        repository: where to, user/name; it is made if it is not there.
        private: make it one that only you can see.
        revision: the branch to upload to, made if it is not there. Unless given: main.
        pt2: upload generator.pt2, too, which runs without ganzoo; see `ganzoo export`.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    repository = repository.removeprefix("hf://")
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"{repository} is no name of a repository of models: give user/name.")
    api = logged_in(repository)
    given = Given(chosen(ckpt), raw, trust)
    refuse_another_repository(api, repository, private, revision)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        name = f"hf://{repository}" + (f"@{revision}" if revision else "")
        fill(folder, given, name, pt2)
        upload(api, folder, repository, private, revision)
    say(f'Done: {api.endpoint}/{repository}. In Python: ganzoo.load("{name}")')


def logged_in(repository: str) -> Any:
    """Return the hub's interface, for a user whose token it takes.

    Raises:
        UserError: there is no token, it is not taken, or the hub can't be reached.
    """
    hub = the_hub("push")
    if hub.get_token() is None:
        raise UserError("push needs a token of Hugging Face that may write: `hf auth login`, or set HF_TOKEN.")
    api = hub.HfApi(library_name="ganzoo")
    with asking(repository):
        api.whoami()
    return api


def refuse_another_repository(api: Any, repository: str, private: bool, revision: str | None) -> None:
    """Refuse to write over what is no model of ganzoo, and to upload in public what is to be private.

    Raises:
        UserError: the repository is such a one.
    """
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    with asking(repository):
        try:
            is_private = api.model_info(repository).private
            names = api.list_repo_files(repository, revision=revision)
        except RepositoryNotFoundError:
            return
        except RevisionNotFoundError:
            names = []
        config = api.hf_hub_download(repository, CONFIG, revision=revision) if CONFIG in names else None
    if private and not is_private:
        raise UserError(f"{repository} is there and is public: make it private on its page, or give another name.")
    if (config or MODEL in names) and not is_ours(config):
        raise UserError(f"{repository} holds a model of another program: give another name, or another --revision.")


def is_ours(config: str | None) -> bool:
    """Say whether a config is one that `push` uploaded."""
    try:
        found = None if config is None else read_json(Path(config))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"class_path", "does", "weights"} <= found.keys()


def fill(folder: Path, given: Given, name: str, pt2: bool) -> None:
    """Put what is uploaded into a folder.

    Args:
        folder: an empty one.
        given: what is given away.
        name: by which it will be found.
        pt2: with a program that runs without ganzoo.
    """
    given.write(folder / MODEL)
    text = json.dumps(given.config, indent=2, ensure_ascii=False)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    picture = draw(given, folder / PICTURE)
    (folder / CARD).write_text(given.card(name, picture), encoding="utf-8")
    if pt2:
        for note in export_program(given.model, folder / PROGRAM, None, given.raw)[1:]:
            say(f"{PROGRAM}: {note}")


def draw(given: Given, path: Path) -> str:
    """Draw samples of a model from noise; return the picture's name, or nothing if a model makes none from noise."""
    model = given.model
    if not isinstance(model, FromNoise) or len(model.shape or ()) != 3:
        return ""
    num, order, columns = model.by_class(SAMPLES)
    samples = model.sample(num, raw=given.raw or None).cpu()[order]
    save_sheet({"": samples}, path, columns, f"{num} samples, seed 0", model.row_names(columns))
    return path.name


def upload(api: Any, folder: Path, repository: str, private: bool, revision: str | None) -> None:
    """Say what is uploaded and where to, and upload it.

    Raises:
        UserError: the hub refuses it, or can't be reached.
    """
    files = sorted(folder.iterdir())
    to = f"{api.endpoint}/{repository}" + (f", revision {revision}" if revision else "")
    say(f"To {to}{', private' if private else ', for all to see unless it is private there'}:")
    for file in files:
        say(f"  {file.name}, {in_words(file.stat().st_size)}")
    with asking(repository):
        api.create_repo(repository, private=private or None, exist_ok=True)
        if revision:
            api.create_branch(repository, branch=revision, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            revision=revision,
            commit_message="Upload a generator of ganzoo",
        )
