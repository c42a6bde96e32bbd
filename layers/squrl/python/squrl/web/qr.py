"""QR codes: a short URL as a picture that a camera reads."""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import segno

from squrl.errors import Detail, ValidationError
from squrl.web.response import Response

# By parameter: what it may be, and what it is unless somebody says so.
_FORMATS = ("svg", "png")
_LEVELS = ("L", "M", "Q", "H")
_SIZE = range(64, 2049)  # pixels
_MARGIN = range(11)  # modules
_USUAL = {"format": "svg", "size": "300", "margin": "4", "level": "M"}

# A code for a URL stays the same, but the link may be taken down.
_CACHING = {"Cache-Control": "public, max-age=86400"}


class Look(NamedTuple):
    """What a code looks like.

    Attributes
    ----------
    format : str
        ``svg`` or ``png``.
    size : int
        Pixels of each side.
    margin : int
        Modules around the code.
    level : str
        Of error correction: L, M, Q or H.
    """

    format: str
    size: int
    margin: int
    level: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Return what the parameters of a query ask for.

        Raises
        ------
        ValidationError
            If one isn't what it can be.
        """
        asked = {**_USUAL, **query}
        details: list[Detail] = [
            {"field": name, "message": f"{name} must be {rule}"}
            for name, rule, holds in (
                ("format", "svg or png", asked["format"] in _FORMATS),
                ("size", "a number from 64 to 2048", _is_in(asked["size"], _SIZE)),
                ("margin", "a number from 0 to 10", _is_in(asked["margin"], _MARGIN)),
                ("level", "L, M, Q or H", asked["level"].upper() in _LEVELS),
            )
            if not holds
        ]
        if details:
            raise ValidationError(details)
        return cls(asked["format"], int(asked["size"]), int(asked["margin"]), asked["level"])


def qr_code(url: str, look: Look) -> Response:
    """Return a URL as a QR code: dark on light, whatever the reader's colours are, as cameras need it.

    Raises
    ------
    ValidationError
        If the size has no pixel for each module.
    """
    code = segno.make(url, error=look.level, micro=False, boost_error=False)
    modules = code.symbol_size(border=look.margin)[0]
    if look.size < modules:
        message = f"size must be at least {modules} for this link, margin and level"
        raise ValidationError([{"field": "size", "message": message}])
    if look.format == "png":
        return Response(200, _png(code, look.size, look.margin), _CACHING, "image/png")
    return Response(200, _svg(code, look.size, look.margin), _CACHING, "image/svg+xml")


def _is_in(text: str, numbers: range) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(numbers[-1])) and int(text) in numbers


def _svg(code: Any, size: int, margin: int) -> str:  # noqa: ANN401 (segno has no types)
    drawn = io.BytesIO()
    code.save(
        drawn,
        kind="svg",
        border=margin,
        light="#fff",
        xmldecl=False,
        svgclass=None,
        lineclass=None,
        omitsize=True,
        nl=False,
    )
    return drawn.getvalue().decode().replace("<svg", f'<svg width="{size}" height="{size}"', 1)


def _png(code: Any, size: int, margin: int) -> bytes:  # noqa: ANN401 (segno has no types)
    """Return a picture of exactly `size` pixels: each module as many whole pixels as fit, the rest around them."""
    modules = code.symbol_size(border=margin)[0]
    scale = size // modules
    before = (size - modules * scale) // 2
    width = (size + 7) // 8 * 8  # a row ends with a whole byte
    lines = []
    for row in code.matrix_iter(border=margin):
        bits = "1" * before + "".join(("0" if dark else "1") * scale for dark in row)
        line = b"\0" + int(bits.ljust(width, "1"), 2).to_bytes(width // 8, "big")  # 0: the line isn't filtered
        lines += [line] * scale
    blank = b"\0" + b"\xff" * (width // 8)
    pixels = zlib.compress(b"".join([blank] * before + lines + [blank] * (size - before - len(lines))), 9)
    header = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)  # one bit for each pixel, grey
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
