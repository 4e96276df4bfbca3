"""LSUN's scenes, to download."""

from ganzoo.data.download.remote_file import Download, RemoteFile

__all__ = ["OBJECTS", "SCENES", "lsun"]

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
