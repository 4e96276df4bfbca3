"""What noise changes, against the standard deviation of samples."""

import pytest
import torch

from ganzoo.latent.codes import codes_named
from ganzoo.latent.noise import deviation
from ganzoo.system.errors import UserError
from latent.small import plain, styled


def test_deviation_is_that_of_the_images():
    model = styled()
    codes = codes_named(model, "1,2", 0, "samples")
    images, spread = deviation(model, codes, 5, shown=2, seed=7)
    ws = codes.styles(model)
    all_of_them = torch.stack([model.styles.images(ws, seed=7 + n, rows=codes.rows) for n in range(5)])
    torch.testing.assert_close(images, all_of_them[:2].transpose(0, 1))
    torch.testing.assert_close(spread, all_of_them.double().std(0).mean(1, keepdim=True).float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", [plain, lambda: styled(noise=0)])
def test_a_generator_without_noise_is_refused(model):
    made = model()
    with pytest.raises(UserError, match="do not depend on any noise"):
        deviation(made, codes_named(made, "0", 0, "samples"), 3)
