"""The data sets of CycleGAN and pix2pix, to download."""

from ganzoo.data.download.remote_file import Download, RemoteFile

__all__ = ["PAIRED", "UNPAIRED"]

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
