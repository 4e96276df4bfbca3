import importlib
import pkgutil

import pytest

import ganzoo.metrics
import ganzoo.networks
import ganzoo.networks.frozen


@pytest.mark.parametrize("package", [ganzoo.metrics, ganzoo.networks, ganzoo.networks.frozen], ids=lambda p: p.__name__)
def test_every_files_names_can_be_imported_from_the_package(package) -> None:  # type: ignore[no-untyped-def]
    files = [file.name for file in pkgutil.iter_modules(package.__path__) if not file.ispkg]
    assert files
    names = []
    for file in files:
        module = importlib.import_module(f"{package.__name__}.{file}")
        assert all(getattr(package, name) is getattr(module, name) for name in module.__all__)
        names += module.__all__
    assert sorted(names) == sorted(set(package.__all__)) == sorted(package.__all__)
