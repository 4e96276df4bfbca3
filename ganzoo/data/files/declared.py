"""Colours that a file declares without a profile: by a PNG's chunks, or by Exif. They become a profile, as others have.

The order of precedence is that of PNG's third edition, 4.3: cICP, iCCP, sRGB, then cHRM and gAMA.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

__all__ = ["HDR", "declare"]

HDR = {16: "PQ", 18: "HLG"}  # H.273's numbers of transfers
BT709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of red, green and blue: sRGB's too
PRIMARIES = {  # by H.273's numbers
    1: BT709,
    5: (0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
D65, D50 = (0.3127, 0.329), (0.9642, 1.0, 0.8249)  # x and y; XYZ
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # of H.273's transfers; the others of no HDR are about sRGB's
SRGB = 0.0  # in place of a gamma: sRGB's own curve
USUAL = 1 / 2.2  # a gAMA chunk that means sRGB
ADOBES = "R03"  # Exif's word for Adobe RGB, which cameras write and embed no profile
CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])  # Bradford's


def declare(image: Image.Image, raw: bytes) -> None:
    """Put a profile into an opened image whose file declares its colours otherwise; of HDR the mark `hdr`."""
    if image.format == "PNG" and (code := coded(raw)):
        primaries, transfer = code
        image.info.pop("icc_profile", None)
        if transfer in HDR:
            image.info["hdr"] = HDR[transfer]
        elif primaries in PRIMARIES:
            image.info["icc_profile"] = profile(PRIMARIES[primaries], D65, GAMMAS.get(transfer, SRGB))
    elif image.info.get("icc_profile"):
        return
    elif image.format == "PNG":
        declare_chunks(image)
    elif image.format == "JPEG" and image.getexif().get_ifd(0xA005).get(1) == ADOBES:
        image.info["icc_profile"] = profile(ADOBE, D65, 2.2)


def coded(raw: bytes) -> tuple[int, int] | None:
    """Return H.273's numbers of the primaries and the transfer in a PNG's chunk cICP; None if there is none."""
    at = 8
    while at + 8 <= len(raw) and (kind := raw[at + 4 : at + 8]) != b"IDAT":
        if kind == b"cICP" and at + 12 <= len(raw):
            return raw[at + 8], raw[at + 9]
        at += 12 + int.from_bytes(raw[at : at + 4], "big")
    return None


def declare_chunks(image: Image.Image) -> None:
    """Put a profile into a PNG that has the chunks cHRM or gAMA, if they are not sRGB's."""
    gamma, places = image.info.get("gamma"), image.info.get("chromaticity")
    if "srgb" in image.info or (not gamma and not places):
        return
    curve = SRGB if not gamma or abs(gamma / USUAL - 1) < 0.01 else 1 / gamma
    white, primaries = (tuple(places[:2]), tuple(places[2:])) if places else (D65, BT709)
    if curve != SRGB or np.abs(np.subtract(primaries, BT709)).max() > 0.002:
        image.info["icc_profile"] = profile(primaries, white, curve)


@lru_cache(16)
def profile(primaries: Sequence[float], white: Sequence[float], gamma: float) -> bytes:
    """Return an ICC profile: what is in no such space at all makes one that is broken, and is told as that.

    Args:
        primaries: x and y of red, green and blue.
        white: its x and y.
        gamma: of the curve; SRGB for sRGB's own.
    """
    try:
        columns = adapted(np.reshape(primaries, (3, 2)), np.array(white)).T
        values = [*columns, np.array(D50)]
        numbers = {name: b"".join(map(fixed, xyz)) for name, xyz in zip(("r", "g", "b", "w"), values, strict=True)}
        curve = b"para" + bytes(4) + struct.pack(">HH", 0 if gamma else 3, 0)
        curve += b"".join(map(fixed, (gamma,) if gamma else (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
    except (np.linalg.LinAlgError, ZeroDivisionError, ValueError, struct.error):
        return b"no colours"
    tags = {"wtpt": b"XYZ " + bytes(4) + numbers["w"]}
    for name in "rgb":
        tags |= {f"{name}XYZ": b"XYZ " + bytes(4) + numbers[name], f"{name}TRC": curve}
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag.encode() + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s12x4s28x", at + len(body), b"", 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return head + b"".join(map(fixed, D50)) + bytes(48) + table + body


def fixed(number: float) -> bytes:
    """Return a number as profiles have it: 16 bits before the point, 16 behind it."""
    return struct.pack(">i", round(number * 65536))


def adapted(primaries: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Return the matrix from RGB to XYZ as it is seen under D50: of primaries (3, 2) and a white, as x and y."""
    columns, light = xyz(primaries).T, xyz(white[None])[0]
    matrix = columns * np.linalg.solve(columns, light)
    return np.linalg.inv(CONES) @ np.diag(CONES @ D50 / (CONES @ light)) @ CONES @ matrix


def xyz(places: np.ndarray) -> np.ndarray:
    """Return XYZ with Y = 1 (N, 3) of x and y (N, 2)."""
    if not (places[:, 1] > 0).all():
        raise ValueError("no colours")
    return np.stack([places[:, 0], places[:, 1], 1 - places.sum(1)], 1) / places[:, 1:]
