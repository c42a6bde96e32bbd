"""QR codes: what a decoder reads in them, and what may be asked for."""

import io
import re
import struct
import zlib

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from squrl.errors import ValidationError
from squrl.web.qr import Look, qr_code

URL = "https://go.example.com/summer-sale"


def picture(png: object) -> Image.Image:
    assert isinstance(png, bytes)
    return Image.open(io.BytesIO(png))


def drawn(svg: object) -> Image.Image:
    """Return the picture that an SVG of segno's draws: one path of horizontal lines, a module high."""
    assert isinstance(svg, str)
    modules = int(re.findall(r'viewBox="0 0 (\d+)', svg)[0])
    lines = re.findall(r'stroke="#000" d="([^"]*)"', svg)[0]
    image = Image.new("L", (modules, modules), 255)
    x = y = 0.0
    for step, numbers in re.findall(r"([Mmh])([-0-9. ]+)", lines):
        values = [float(each) for each in numbers.split()] if step != "h" else [float(numbers)]
        if step == "M":
            x, y = values
        elif step == "m":
            x, y = x + values[0], y + values[1]
        else:
            for dark in range(int(values[0])):
                image.putpixel((int(x) + dark, int(y)), 0)
            x += values[0]
    return image.resize((modules * 8, modules * 8), Image.Resampling.NEAREST)


@given(
    size=st.integers(100, 2048),
    margin=st.integers(0, 10),
    level=st.sampled_from("LMQH"),
    form=st.sampled_from(["svg", "png"]),
)
def test_given_any_parameters_when_drawn_then_a_decoder_reads_the_url(size, margin, level, form):
    made = qr_code(URL, Look.read({"format": form, "size": str(size), "margin": str(margin), "level": level}))

    image = picture(made.body) if form == "png" else drawn(made.body)
    framed = Image.new("L", (image.width + 80, image.height + 80), 255)  # as on paper
    framed.paste(image, (40, 40))
    found = zxingcpp.read_barcode(framed)
    assert found is not None
    assert found.text == URL
    assert found.ec_level == level


@pytest.mark.parametrize("size", [64, 65, 300, 1999, 2048])
def test_given_a_size_when_drawn_as_png_then_it_has_so_many_pixels(size):
    assert picture(qr_code(URL, Look.read({"format": "png", "size": str(size)})).body).size == (size, size)


def test_given_a_size_when_drawn_as_svg_then_it_is_so_large():
    svg = qr_code(URL, Look.read({"size": "640"})).body

    assert isinstance(svg, str)
    assert 'width="640" height="640"' in svg


def test_given_a_png_when_read_then_it_has_one_bit_for_each_pixel():
    png = qr_code(URL, Look.read({"format": "png"})).body

    assert isinstance(png, bytes)
    assert struct.unpack(">IIBB", png[16:26]) == (300, 300, 1, 0)
    assert len(zlib.decompress(png[41:-16])) == 300 * (1 + 38)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "gif"),
        ("format", ""),
        ("size", "63"),
        ("size", "2049"),
        ("size", "big"),
        ("size", "\u0663\u0660\u0660"),
        ("size", "1" * 5000),
        ("margin", "11"),
        ("margin", "-1"),
        ("level", "X"),
        ("level", ""),
    ],
)
def test_given_what_is_not_allowed_when_asked_for_then_its_field_is_named(field, value):
    with pytest.raises(ValidationError) as refused:
        qr_code(URL, Look.read({field: value}))

    assert [detail["field"] for detail in refused.value.details or []] == [field]


def test_given_more_modules_than_pixels_when_asked_for_then_the_least_size_is_said():
    with pytest.raises(ValidationError, match="size must be at least 73 for this link"):
        qr_code(f"https://go.example.com/{'a' * 64}", Look.read({"size": "64", "margin": "10", "level": "H"}))


def test_given_a_code_when_answered_then_it_is_kept_for_a_day():
    assert qr_code(URL, Look.read({})).headers == {"Cache-Control": "public, max-age=86400"}
