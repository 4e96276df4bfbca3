"""What `ganzoo data get` can download: where each file is, how large, and how to tell that it came whole."""

from dataclasses import dataclass

__all__: list[str] = []

DRIVE = "gdrive:"  #: before the id of a file on Google Drive, in the place of a URL


@dataclass(frozen=True)
class RemoteFile:
    """A file to download; an archive is unpacked, and then deleted.

    Attributes:
        path: where it goes, below the folder that the user gives.
        urls: where it is, in the order in which they are tried.
        size: in bytes.
        checksum: "md5:" or "sha256:" and the hexadecimal digits. None where none is published: then the archive's own
            CRCs, which unpacking checks, and the length that the server announces must do.
        about: whether `size` is a rounded figure.
        inside: of an archive, the folder in it that is wanted.
        becomes: where that folder goes. None: it is no archive.
    """

    path: str
    urls: tuple[str, ...]
    size: int
    checksum: str | None = None
    about: bool = False
    inside: str = ""
    becomes: str | None = None


@dataclass(frozen=True)
class Download:
    """A data set to download.

    Attributes:
        name: what `ganzoo data get` calls it.
        summary: what is in it.
        source: the page that describes it.
        terms: what is said of its use.
        files: what it consists of.
        data: the class in ganzoo.data that reads it. None: it is nothing to train on.
        root: the folder for that class, below the one that the user gives.
        options: what else that class must be told.
    """

    name: str
    summary: str
    source: str
    terms: str
    files: tuple[RemoteFile, ...]
    data: str | None
    root: str = ""
    options: str = ""


def idx_files(folder: str, mirrors: tuple[str, ...], *files: tuple[str, int, str]) -> tuple[RemoteFile, ...]:
    """Return the gzipped IDX files of a set in MNIST's format, which each mirror has under the same names."""
    return tuple(
        RemoteFile(f"{folder}/{name}", tuple(mirror + name for mirror in mirrors), size, f"md5:{md5}")
        for name, size, md5 in files
    )


# MD5 sums: torchvision.datasets, MNIST, FashionMNIST, KMNIST and EMNIST. Sizes: the checksum files of
# tensorflow/datasets (url_checksums/*.txt). LeCun's own page no longer has MNIST: pytorch/pytorch pull request 164238.
DIGITS = (
    Download(
        "mnist",
        "MNIST: 70,000 handwritten digits, 28x28, grey",
        "https://github.com/cvdfoundation/mnist",
        "CC BY-SA 3.0, Yann LeCun and Corinna Cortes",
        idx_files(
            "MNIST/raw",
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            ("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            ("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            ("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            ("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        "MNIST",
    ),
    Download(
        "fashion_mnist",
        "Fashion-MNIST: 70,000 pieces of clothing in MNIST's format",
        "https://github.com/zalandoresearch/fashion-mnist",
        "MIT licence, Zalando SE",
        idx_files(
            "FashionMNIST/raw",
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",  # Keras's copy
            ),
            ("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            ("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            ("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            ("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        "FashionMNIST",
    ),
    Download(
        "kmnist",
        "Kuzushiji-MNIST: 70,000 cursive Japanese characters of ten kinds in MNIST's format",
        "https://github.com/rois-codh/kmnist",
        "CC BY-SA 4.0, ROIS-DS Center for Open Data in the Humanities",
        idx_files(
            "KMNIST/raw",
            (
                "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            ),
            ("train-images-idx3-ubyte.gz", 18_165_135, "bdb82020997e1d708af4cf47b453dcf7"),
            ("train-labels-idx1-ubyte.gz", 29_497, "e144d726b3acfaa3e44228e80efcd344"),
            ("t10k-images-idx3-ubyte.gz", 3_041_136, "5c965bf0a639b31b8f53240b1b52f4d7"),
            ("t10k-labels-idx1-ubyte.gz", 5_120, "7320c461ea6c1c855c0b718fb2a4b134"),
        ),
        "KMNIST",
    ),
    Download(
        "emnist",
        "EMNIST: 814,255 handwritten digits and letters in MNIST's format, split in six ways",
        "https://www.nist.gov/itl/products-and-services/emnist-dataset",
        "no licence is stated; the authors ask to be cited (Cohen et al. 2017)",
        (
            RemoteFile(
                "EMNIST/gzip.zip",
                ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",),
                561_753_746,
                "md5:58c8d27c78d21e728a6bc7b3cc06412e",
                inside="gzip",
                becomes="EMNIST/raw",
            ),
        ),
        "EMNIST",
    ),
)

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

# LSUN's scenes: each category's training and validation archive, its size and SHA-256, from tensorflow/datasets
# (url_checksums/lsun.txt). The scenes' test images have no labels and are of no use here.
SCENES = {
    "bedroom": (
        (45_922_737_680, "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e"),
        (4_670_661, "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12"),
    ),
    "bridge": (
        (16_478_644_518, "2701b2d421bbc4d8a5e9b0652ff7c3b57cd6495da8e0e85c39533275b5a925a3"),
        (6_176_834, "83216a2974d6068c2e1d18086006e7380ff58540216f955ce87fe049b460cb0d"),
    ),
    "church_outdoor": (
        (2_448_463_466, "91128ae026840ac0c5982b4445ab5fc4e092d6847cca76793b2b1a0815c2e74a"),
        (5_957_308, "34635b7547a3e51a15f942a4a4082dd6bc9cca381a953515cb2275c0eed50584"),
    ),
    "classroom": (
        (3_279_497_022, "73a8a3e318819e1cc602f229673c3f51a68f3ece61e3764ce22df6abea4d0873"),
        (5_880_261, "5e0e9a375d94091dfe1fa3be87d4a92f41c03f1c0b8e376acc7e05651de512d7"),
    ),
    "conference_room": (
        (4_048_461_633, "fa0a4cf72e7acfb103392eaf33640d5508a728e971f31877b01d64e1bde6068c"),
        (5_316_084, "927c94df52e10b9b374748c2b83b28b5860e946b3186dfd587985e274834650f"),
    ),
    "dining_room": (
        (11_592_966_936, "e4ee24c7c309360c3bf019123ce5bbf17434b2ba33abec2b0b07cfae715a52cb"),
        (5_301_030, "bd604d4b91bb5a9611d4e0b85475efd20758390d1a4eb57b53973fcbb5aa8ab6"),
    ),
    "kitchen": (
        (35_791_384_987, "b1993cf639aece5d207a27eb9ff872bcca9dff6472d8227a052c79d40ee753c4"),
        (4_867_891, "329165f35ec61c4cf49f809246de300b8baad3ffcbda1ac30c27bdd32c84369a"),
    ),
    "living_room": (
        (22_792_405_188, "bd2c52b812c80f73ce3062a221396d13a52b5cce2f813b4cdf61937651281d7a"),
        (5_167_755, "30a23d9a3db5414e9c97865f60ffb2ee973bfa658a23dbca7188ea514c97c9fc"),
    ),
    "restaurant": (
        (13_489_345_463, "11a0a924b960cd0900e9b7477d684fb338bd99cc5f72db1caac592e4f497e09a"),
        (6_232_385, "efaa7bcb898ad6cb73b07b89fec3a9c670f4622912eea22fab3986c2cf9a1c20"),
    ),
    "tower": (
        (12_010_237_081, "440caec74c9641cb51fd235a5970c8e4931c3af875aeb044a8bcca956e106309"),
        (5_223_709, "7f5257847bc01f4e40d4a1b3e24dd8fcd37063f12ca8cf31e726c2ee0b1ae104"),
    ),
}


def lsun(category: str) -> Download:
    """Return a category of LSUN's scenes: two LMDBs, to train and to validate on."""
    parts = zip((f"{category}_train_lmdb", f"{category}_val_lmdb"), SCENES[category], strict=True)
    return Download(
        f"lsun_{category}",
        f"LSUN, {category.replace('_', ' ')}: scenes of which the shorter side is 256 pixels, as two LMDBs",
        "https://github.com/fyu/lsun",
        "no licence is stated; the authors ask to be cited (Yu et al. 2015)",
        tuple(
            RemoteFile(
                f"lsun/{part}.zip",
                (f"http://dl.yf.io/lsun/scenes/{part}.zip",),
                size,
                f"sha256:{sha256}",
                inside=part,
                becomes=f"lsun/{part}",
            )
            for part, (size, sha256) in parts
        ),
        "LSUN",
        "lsun",
        f"--data.category {category}",
    )


BERKELEY = "efrosgans.eecs.berkeley.edu"
FLICKR, IMAGENET, WIKIART = "Flickr", "ImageNet", "WikiArt and Flickr"


def cyclegan(
    archive: str,
    summary: str,
    images: str,
    size: int,
    sha256: str | None,
    name: str | None = None,
    mirror: str | None = None,
    trains: bool = True,
) -> Download:
    """Return one of CycleGAN's sets: folders trainA, trainB, testA and testB."""
    name = name or archive
    urls = [f"{scheme}://{BERKELEY}/cyclegan/datasets/{archive}.zip" for scheme in ("https", "http")]
    return Download(
        name,
        f"{summary}, unpaired (CycleGAN)",
        "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix/blob/master/docs/datasets.md",
        f"no licence is stated; the images are from {images}; the authors ask to be cited (Zhu et al. 2017)",
        (
            RemoteFile(
                f"{name}.zip",
                (*urls, mirror) if mirror else tuple(urls),
                size,
                f"sha256:{sha256}" if sha256 else None,
                about=sha256 is None,
                inside=archive,
                becomes=name,
            ),
        ),
        "Horse2Zebra" if trains else None,
        name,
    )


# Sizes and SHA-256 sums: tensorflow/datasets (url_checksums/cycle_gan.txt). Of ae_photos and grumpifycat no checksum is
# published by anyone who answers for it: the archive's own CRCs are checked after the download; their sizes are those
# in the server's listing, rounded. That server is the one the authors name since people.eecs.berkeley.edu/~taesung_park
# is closed (taesungp/contrastive-unpaired-translation, issue 171). "maps" and "facades" are pix2pix's below.
UNPAIRED = (
    cyclegan(
        "horse2zebra",
        "Horses and zebras, 256x256",
        IMAGENET,
        116_867_962,
        "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
        mirror="https://huggingface.co/datasets/kerls/cyclegan-horse2zebra/resolve/main/horse2zebra.zip",
    ),
    cyclegan(
        "apple2orange",
        "Apples and oranges, 256x256",
        IMAGENET,
        78_456_409,
        "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
    ),
    cyclegan(
        "summer2winter_yosemite",
        "Yosemite in summer and in winter, 256x256",
        FLICKR,
        132_640_856,
        "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
    ),
    cyclegan(
        "monet2photo",
        "Monet's paintings and photographs of landscapes, 256x256",
        WIKIART,
        305_231_073,
        "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04",
    ),
    cyclegan(
        "cezanne2photo",
        "Cezanne's paintings and photographs of landscapes, 256x256",
        WIKIART,
        279_885_071,
        "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff",
    ),
    cyclegan(
        "ukiyoe2photo",
        "Ukiyo-e prints and photographs of landscapes, 256x256",
        WIKIART,
        292_946_532,
        "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08",
    ),
    cyclegan(
        "vangogh2photo",
        "Van Gogh's paintings and photographs of landscapes, 256x256",
        WIKIART,
        306_590_349,
        "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff",
    ),
    cyclegan(
        "iphone2dslr_flower",
        "Flowers taken by telephones and by cameras",
        FLICKR,
        339_964_458,
        "8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113",
    ),
    cyclegan(
        "maps",
        "Maps and aerial photographs",
        "Google Maps",
        1_476_754_427,
        "639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e",
        name="maps_unpaired",
    ),
    cyclegan(
        "facades",
        "Facades of buildings and their labels, 256x256",
        "the CMP Facade Database",
        35_135_868,
        "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0",
        name="facades_unpaired",
    ),
    cyclegan("grumpifycat", "Cats and Grumpy Cat", "the web", 20_000_000, None),
    cyclegan("ae_photos", "Photographs to try a trained model on", "Alexei Efros", 10_000_000, None, trains=False),
)


def pix2pix(name: str, summary: str, images: str, size: int, about: bool = False) -> Download:
    """Return one of pix2pix's sets: folders train, val and sometimes test, with each pair side by side in a file."""
    urls = [f"{scheme}://{BERKELEY}/pix2pix/datasets/{name}.tar.gz" for scheme in ("https", "http")]
    archive = RemoteFile(f"{name}.tar.gz", tuple(urls), size, about=about, inside=name, becomes=name)
    return Download(
        name,
        f"{summary}, in pairs (pix2pix)",
        "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix/blob/master/docs/datasets.md",
        f"no licence is stated; the images are from {images}; the authors ask to be cited (Isola et al. 2017)",
        (archive,),
        "Paired",
        name,
    )


# No checksum of these is published by anyone who answers for it: the archive's own CRCs are checked after the download.
# The sizes of facades and maps are what the server announces; the others' are those in its listing, rounded.
PAIRED = (
    pix2pix("facades", "Facades of buildings and their labels, 256x256", "the CMP Facade Database", 30_168_306),
    pix2pix("maps", "Maps and aerial photographs, 600x600", "Google Maps", 250_242_400),
    pix2pix("edges2shoes", "Shoes and their edges, 256x256", "UT Zappos50K", 2_150_000_000, about=True),
    pix2pix("edges2handbags", "Handbags and their edges, 256x256", "the iGAN project", 8_600_000_000, about=True),
    pix2pix("night2day", "Places by night and by day, 256x256", "Transient Attributes", 2_040_000_000, about=True),
)

CATALOGUE = {
    entry.name: entry for entry in (*DIGITS, *PICTURES, *(lsun(category) for category in SCENES), *UNPAIRED, *PAIRED)
}

# LSUN's objects: one LMDB each, without a validation set.
OBJECTS = [
    "airplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining_table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted_plant",
    "sheep",
    "sofa",
    "train",
    "tv-monitor",
]
#: what is asked for and not downloaded: what to do instead
ELSEWHERE = {
    "cityscapes": "Cityscapes may not be passed on, and its archives for CycleGAN and pix2pix are withdrawn: register"
    " at https://www.cityscapes-dataset.com and download it there",
} | {
    f"lsun_{kind.replace('-', '_')}": f"LSUN's objects, 16 to 512 GB each, are not downloaded for you: get"
    f" http://dl.yf.io/lsun/objects/{kind}.zip, unpack it into a folder, and give --data LSUN --data.root FOLDER"
    f" --data.category {kind}"
    for kind in OBJECTS
}
