"""MNIST and sets in its format, to download."""

from ganzoo.data.download.remote_file import Download, RemoteFile

__all__ = ["DIGITS"]


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
