"""One picture stored in the many ways that cameras, scanners and print shops store it.

Each file shows four coloured quarters, or four grey ones, to whoever reads it rightly.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

type Pixels = npt.NDArray[np.uint8]

COLOURS = ((200, 60, 50), (40, 150, 90), (60, 80, 190), (230, 200, 120))
"""Of the quarters: top left, top right, bottom left, bottom right."""
GREYS = (30, 100, 170, 235)
SIZE = (48, 32)
P3 = ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407))
ADOBE = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
SRGB = ((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410))
"""Primaries as columns, adapted to D50."""
GAMMA = 2.19921875
"""A power that a profile can hold exactly."""
D50 = (0.9642, 1.0, 0.8249)


def quarters(values: tuple[object, ...], size: tuple[int, int] = SIZE) -> Pixels:
    """Pixels of a picture whose quarters have these values."""
    width, height = size
    cells = np.asarray(values, dtype=np.uint8).reshape(2, 2, -1)
    large = cells.repeat(height // 2, axis=0).repeat(width // 2, axis=1)
    return large[..., 0] if large.shape[-1] == 1 else large


def _s15(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(65536 * value) for value in values))


def _profile(kind: bytes, space: bytes, pcs: bytes, name: str, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2."""
    text = name.encode() + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": described, b"cprt": b"text\0\0\0\0none\0", **tags}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + _s15(*D50)
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for sign, content in tags.items():
        table += struct.pack(">4sII", sign, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, kind, space, pcs, b"acsp"
    )
    return header + _s15(*D50) + bytes(48) + table + body


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * gamma))


def rgb_profile(name: str, primaries: tuple[tuple[float, ...], ...]) -> bytes:
    """A profile of three primaries and a power."""
    tags = {
        f"{channel}XYZ".encode(): b"XYZ \0\0\0\0" + _s15(*(row[at] for row in primaries))
        for at, channel in enumerate("rgb")
    }
    tags |= {f"{channel}TRC".encode(): _curve(GAMMA) for channel in "rgb"}
    return _profile(b"mntr", b"RGB ", b"XYZ ", name, tags)


def grey_profile(name: str, gamma: float) -> bytes:
    """A profile of a grey scale with a power."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", name, {b"kTRC": _curve(gamma)})


def ink_profile(name: str) -> bytes:
    """A profile of four inks, each alone of one of COLOURS; two of them are black."""
    lab = ImageCms.profileToProfile(
        Image.fromarray(np.array([COLOURS], dtype=np.uint8)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    solid = np.frombuffer(lab.tobytes(), dtype=np.uint8).reshape(4, 3).copy()
    solid[:, 1:] ^= 0x80  # Pillow has a and b signed, a profile has them raised by 128
    corners = []
    for inks in np.ndindex(2, 2, 2, 2):
        n_inks = sum(inks)
        one = tuple(int(v) for v in solid[inks.index(1)]) if n_inks == 1 else (0, 128, 128)
        corners.append((255, 128, 128) if n_inks == 0 else one)
    straight = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += 4 * straight + bytes(np.array(corners, dtype=np.uint8)) + 3 * straight
    return _profile(b"prtr", b"CMYK", b"Lab ", name, {b"A2B0": table, b"A2B1": table})


def encoded(colours: Pixels, primaries: tuple[tuple[float, ...], ...]) -> Pixels:
    """Values by which a space of other primaries shows these sRGB colours."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    other = linear @ np.array(SRGB).T @ np.linalg.inv(np.array(primaries)).T
    return (255 * np.clip(other, 0, 1) ** (1 / GAMMA)).round().astype(np.uint8)


def oriented(pixels: Pixels, orientation: int) -> Pixels:
    """Pixels as a camera stores them that says they must be turned by ``orientation``."""
    flip = {1: "", 2: "h", 3: "hv", 4: "v", 5: "t", 6: "tv", 7: "thv", 8: "th"}[orientation]
    for step in flip:
        if step == "t":
            pixels = pixels.swapaxes(0, 1)
        else:
            pixels = pixels[:, ::-1] if step == "h" else pixels[::-1]
    return np.ascontiguousarray(pixels)


def write_odd_images(folder: Path) -> dict[str, tuple[Pixels, str]]:
    """Write the files; the picture that each shows, and a word of what must be changed."""
    folder.mkdir(exist_ok=True)
    colour, grey = quarters(COLOURS), quarters(GREYS)
    shown: dict[str, tuple[Pixels, str]] = {}

    def keep(
        name: str, image: Image.Image, picture: Pixels, change: str, **options: object
    ) -> None:
        image.save(folder / name, **options)
        shown[name] = (picture, change)

    def exif(orientation: int) -> Image.Exif:
        about = Image.Exif()
        about[0x0112] = orientation
        return about

    image, plain = Image.fromarray(colour), Image.fromarray(grey)
    for turn in range(1, 9):
        stored = Image.fromarray(oriented(colour, turn))
        change = "EXIF" if turn > 1 else ""
        keep(f"exif{turn}.png", stored, colour, change, exif=exif(turn))
    stored = Image.fromarray(oriented(colour, 6))
    keep("exif6.jpg", stored, colour, "EXIF", exif=exif(6), quality=100, subsampling=0)
    for name, primaries in (("p3", P3), ("adobe", ADOBE)):
        profile = rgb_profile(name, primaries)
        other = quarters(tuple(map(tuple, encoded(np.array(COLOURS), primaries))))
        keep(f"{name}.png", Image.fromarray(other), colour, f"from {name}", icc_profile=profile)
    turned = Image.fromarray(oriented(other, 8))
    keep("adobe8.tif", turned, colour, "from adobe.*EXIF", icc_profile=profile, exif=exif(8))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    keep("srgb.png", image, colour, "", icc_profile=srgb)
    keep("grey_in_srgb.png", plain, grey, "", icc_profile=srgb)
    keep("unfit.png", image, colour, "unusable", icc_profile=grey_profile("grey", 1.0))
    keep("damaged_profile.png", image, colour, "unusable", icc_profile=b"no profile at all")
    linear = (255 * (np.array(GREYS) / 255) ** 2.2).round()
    dark = Image.fromarray(quarters(tuple(linear)))
    keep(
        "linear.png",
        dark,
        quarters(_from_linear(linear)),
        "linear",
        icc_profile=grey_profile("linear", 1.0),
    )
    inks = np.zeros((4, 4), dtype=np.uint8)
    np.fill_diagonal(inks, 255)
    print_shop = Image.frombytes("CMYK", SIZE, quarters(tuple(map(tuple, inks))).tobytes())
    for name, options in (("inks.tif", {}), ("inks.jpg", {"quality": 100, "subsampling": 0})):
        keep(name, print_shop, colour, "from inks", icc_profile=ink_profile("inks"), **options)
    keep("bare_inks.jpg", image.convert("CMYK"), colour, "CMYK", quality=100, subsampling=0)
    keep("deep_grey.png", Image.fromarray(grey.astype(np.uint16) * 257), grey, "16 bits")
    keep("deep_grey.tif", Image.fromarray(grey.astype(np.uint16) * 257), grey, "16 bits")
    (folder / "deep.png").write_bytes(_deep_png(colour))
    shown["deep.png"] = (colour, "")  # Pillow has no other way of reading it
    keep("palette.gif", image.quantize(4), colour, "")
    keep("palette.png", image.quantize(4), colour, "")
    keep("grey.bmp", plain, grey, "")
    keep("grey.webp", plain, grey, "", lossless=True)
    keep(
        "bits.png", Image.fromarray(quarters((0, 255, 255, 0)) > 0), quarters((0, 255, 255, 0)), ""
    )
    return shown | _write_transparent(folder, colour, grey)


def _write_transparent(folder: Path, colour: Pixels, grey: Pixels) -> dict[str, tuple[Pixels, str]]:
    """Files whose last quarter is transparent, over a colour that must not be seen."""
    shown = {}
    clear = np.full((*grey.shape, 1), 255, dtype=np.uint8)
    clear[SIZE[1] // 2 :, SIZE[0] // 2 :] = 0
    white = clear == 0
    rgba = Image.fromarray(np.concatenate([colour, clear], axis=2))
    la = Image.fromarray(np.concatenate([grey[..., None], clear], axis=2))
    palette = Image.fromarray(colour).quantize(4)
    last = palette.getpixel((SIZE[0] - 1, SIZE[1] - 1))
    alphas = bytes(0 if index == last else 255 for index in range(4))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    for name, image, picture, options in (
        ("alpha.png", rgba, colour, {}),
        ("alpha.webp", rgba, colour, {"lossless": True}),
        ("alpha.tif", rgba, colour, {}),
        ("grey_alpha.png", la, grey, {}),
        ("palette_alpha.png", palette, colour, {"transparency": last}),
        ("palette_alphas.png", palette, colour, {"transparency": alphas}),
        ("palette_alpha.gif", palette, colour, {"transparency": last}),
        ("key.png", Image.fromarray(colour), colour, {"transparency": COLOURS[3]}),
        ("grey_key.png", Image.fromarray(grey), grey, {"transparency": GREYS[3]}),
        ("deep_key.png", deep, grey, {"transparency": GREYS[3] * 257}),
    ):
        image.save(folder / name, **options)
        rows = picture if picture.ndim == 3 else picture[..., None]
        shown[name] = (np.where(white, 255, rows).astype(np.uint8).squeeze(), "transparent")
    return shown


def _from_linear(values: npt.NDArray[np.float64]) -> tuple[int, ...]:
    share = values / 255
    curved = np.where(share <= 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055)
    return tuple(int(v) for v in (255 * curved).round())


def _deep_png(pixels: Pixels) -> bytes:
    """An RGB PNG of 16 bits a channel, which Pillow cannot write."""
    height, width, _ = pixels.shape
    rows = (pixels.astype(">u2") * 257).astype(">u2").reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    for name, part in ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
        content += struct.pack(">I", len(part)) + name + part
        content += struct.pack(">I", zlib.crc32(name + part))
    return content


def png(side: int, pixels: bytes = b"") -> bytes:
    """A well-formed PNG whose header tells of a square image, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = {b"IHDR": header, b"IDAT": zlib.compress(pixels), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(of)) + name + of + struct.pack(">I", zlib.crc32(name + of))
        for name, of in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
