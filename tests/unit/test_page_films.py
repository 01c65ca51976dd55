"""The page of films and pictures: the strip of frames, scenes, curves, boxes around text."""

from __future__ import annotations

import io
import json
import re
from html import unescape

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import lookhear
from lookhear.analysis.report import Report
from lookhear.page import OPTIONS, render, render_many
from lookhear.tasks.catalogue import PAGE
from support.film import encode, texture
from support.sound import tone
from unit.test_page import check


@pytest.fixture(scope="module")
def film() -> Report:
    """Three shots of two seconds, with sound."""
    frames = [texture(seed=seed) for seed in (1, 2, 3) for _ in range(50)]
    return lookhear.analyze(encode(frames, sound=tone(6)[0]), [PAGE], OPTIONS)


def pictured(lines: str = "Sixteen Bars") -> Report:
    image = Image.new("RGB", (800, 300), "white")
    ImageDraw.Draw(image).text((100, 80), lines, fill="black", font=ImageFont.load_default(90))
    out = io.BytesIO()
    image.save(out, "PNG")
    return lookhear.analyze(out.getvalue(), [PAGE], OPTIONS)


def test_a_film_is_a_strip_over_its_scenes(film: Report) -> None:
    page = render(film)
    check(page)
    strip = page.split('class="tiles-of-film"')[1].split("</div>")[0]
    assert 4 <= strip.count("<img") <= 24
    assert page.count("<li><img") == 3 and "3 scenes" in page
    series = json.loads(unescape(re.search(r'data-kind="film" data-series="([^"]*)"', page)[1]))  # type: ignore[index]
    assert series["cuts"] == [2.0, 4.0]
    (cuts,) = re.findall(r'd="([^"]*)" class="cut"', page)
    assert cuts == "".join(f"M{10000 * time / film.medium.duration:.0f} 0V18" for time in (2, 4))
    for word in ("Brightness and movement", "Waveform", "Picture quality", "Sound quality", "25 frames/s", "320 × 180"):
        assert word in page


def test_every_scene_is_shown_by_a_frame_of_its_own(film: Report) -> None:
    page = render(film)
    shown = re.findall(r'<li><img src="([^"]*)"', page)
    stills = {f"data:image/jpeg;base64,{still.preview}": still.time for still in film["overview"].stills}
    assert [int(stills[one] // 2) for one in shown] == [0, 1, 2]


def test_text_is_outlined_where_it_stands() -> None:
    page = render(pictured())
    check(page)
    assert 'viewBox="0 0 800 300"' in page
    points = np.array(
        [[float(n) for n in pair.split(",")] for box in re.findall(r'points="([^"]*)"', page) for pair in box.split()]
    )
    assert 80 < points[:, 0].min() < 120 and 600 < points[:, 0].max() < 700 and "Sixteen Bars" in page


def test_a_folder_shows_what_its_media_have(film: Report) -> None:
    page = render_many([film, pictured()])
    check(page)
    heads = re.findall(r'title="Sort by ([a-z ]*)"', page)
    assert {"size", "leading colour", "length", "scenes", "loudness"} <= set(heads)
    assert page.count('class="thumb"><img') == 2


def test_a_film_of_one_frame_and_no_sound_has_a_page() -> None:
    page = render(lookhear.analyze(encode([texture()]), [PAGE], OPTIONS))
    check(page)
    assert "1 scene" in page and "no transitions" in page
