"""The data sets that `ganzoo data get` can download: where each file is, its size and checksum."""

from ganzoo.data.download.digits import DIGITS
from ganzoo.data.download.remote_file import DRIVE, Download, RemoteFile
from ganzoo.data.download.scenes import OBJECTS, SCENES, lsun
from ganzoo.data.download.translation_sets import PAIRED, UNPAIRED

__all__ = ["CATALOGUE", "ELSEWHERE"]

# MD5 sums: torchvision.datasets, CIFAR10 and CelebA. Sizes: CIFAR's is what its server announces, CelebA's are from
# tensorflow/datasets (url_checksums/celeb_a.txt).
PICTURES = (
    Download(
        "cifar10",
        "CIFAR-10: 60,000 colour photographs of ten classes, 32x32",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "no licence is stated; the author asks to be cited (Krizhevsky 2009)",
        (
            RemoteFile(
                "cifar-10-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
                170_498_071,
                "md5:c58f30108f718f92721af3b95e74349a",
                inside="cifar-10-batches-py",
                becomes="cifar-10-batches-py",
            ),
        ),
        "CIFAR10",
    ),
    Download(
        "celeba",
        "CelebA: 202,599 faces, aligned and cropped to 178x218, with 40 attributes",
        "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "for non-commercial research only, and not to be passed on: read the agreement on its page",
        (
            RemoteFile(
                "celeba/list_eval_partition.txt",
                (f"{DRIVE}0B7EVK8r0v71pY0NSMzRuSXJEVkk",),
                2_836_386,
                "md5:d32c9cbf5e040fd4025c592c306e6668",
            ),
            RemoteFile(
                "celeba/list_attr_celeba.txt",
                (f"{DRIVE}0B7EVK8r0v71pblRyaVFSWGxPY0U",),
                26_721_026,
                "md5:75e246fa4810816ffd6ee81facbd244c",
            ),
            RemoteFile(
                "celeba/img_align_celeba.zip",
                (f"{DRIVE}0B7EVK8r0v71pZjFTYXZWM3FlRnM",),
                1_443_490_838,
                "md5:00d2c5bc6d35e252742224ab0c1e8fcb",
                inside="img_align_celeba",
                becomes="celeba/img_align_celeba",
            ),
        ),
        "Faces",
        "celeba",
    ),
)

CATALOGUE = {
    entry.name: entry for entry in (*DIGITS, *PICTURES, *(lsun(category) for category in SCENES), *UNPAIRED, *PAIRED)
}

#: data sets that users ask for and that can't be downloaded: the advice instead
ELSEWHERE = {
    "cityscapes": "Cityscapes may not be passed on, and its archives for CycleGAN and pix2pix are withdrawn: register"
    " at https://www.cityscapes-dataset.com and download it there",
} | {
    f"lsun_{kind.replace('-', '_')}": f"LSUN's objects, 16 to 512 GB each, are not downloaded for you: get"
    f" http://dl.yf.io/lsun/objects/{kind}.zip, unpack it into a folder, and give --data LSUN --data.root FOLDER"
    f" --data.category {kind}"
    for kind in OBJECTS
}
