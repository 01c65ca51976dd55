"""Text in pictures and films that are drawn here, so that it is known what stands where, and from when to when."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

import lookhear
from lookhear.errors import InvalidOptions, ModelMissing
from lookhear.media.medium import open_medium
from lookhear.tasks.image.ocr import models
from lookhear.tasks.image.ocr.appearances import Sighting, Tracker, same_picture
from lookhear.tasks.image.ocr.order import arranged, joined, quarter

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # what makes of the upright picture the one that is stored with that EXIF orientation
SEASON = ("Summer", "Winter")
PAGE = ("The quick brown fox jumps", "over the lazy dog while", "seven wizards make 42 toys")


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def drawn(
    size: tuple[int, int], *texts: tuple[str, int, int, int], ground: object = "white", ink: object = "black"
) -> Image.Image:
    """A picture with (text, left, top, size of the font) on it."""
    image = Image.new("RGB", size, ground)  # type: ignore[arg-type]
    for text, x, y, height in texts:
        ImageDraw.Draw(image).text((x, y), text, fill=ink, font=font(height))  # type: ignore[arg-type]
    return image


def page() -> Image.Image:
    return drawn((640, 300), *((line, 40, 40 + 70 * i, 40) for i, line in enumerate(PAGE)))


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def read(image: Image.Image | bytes, **options: object):  # type: ignore[no-untyped-def]
    report = lookhear.analyze(image if isinstance(image, bytes) else saved(image), ["ocr"], {"ocr": options})
    assert report.errors == ()
    return report["ocr"]


def bounds(polygon: tuple[object, ...]) -> tuple[float, float, float, float]:
    xs, ys = [point.x for point in polygon], [point.y for point in polygon]  # type: ignore[attr-defined]
    return min(xs), min(ys), max(xs), max(ys)


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union."""
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return across * down / (sum(areas) - across * down)


@pytest.mark.parametrize("width", [500, 2600, 5000])
def test_text_is_found_where_it_stands_in_the_original(width: int) -> None:
    height, size = width * 3 // 5, max(22, width // 60)
    image = drawn((width, height), ("Platform 7 closed", width // 3, height // 2, size))
    found = read(image)
    assert found.text == "Platform 7 closed"
    assert (found.region_count, found.word_count, found.character_count) == (1, 3, 15)
    left, top, right, bottom = font(size).getbbox("Platform 7 closed")
    truth = (width // 3 + left, height // 2 + top, width // 3 + right, height // 2 + bottom)
    assert overlap(bounds(found.regions[0].polygon), truth) > 0.55
    assert found.regions[0].confidence > 0.9


def test_a_task_gets_the_size_it_asks_for_and_what_is_transparent() -> None:
    with open_medium(saved(Image.new("RGB", (5000, 2000)), "JPEG")) as medium:
        for side, longest in ((1600, 1600), (4096, 4096), (None, 5000)):
            picture = medium.picture(side)
            assert picture.pixels.shape[1] == longest and picture.alpha is None
    clear = Image.new("RGBA", (40, 20), (255, 0, 0, 255))
    clear.putpixel((3, 5), (0, 0, 255, 0))
    with open_medium(saved(clear, exif=exif(6))) as medium:
        alpha = medium.picture().alpha
    assert alpha is not None and alpha.shape == (40, 20)
    assert np.argwhere(alpha == 0).tolist() == [[3, 14]]


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_exif_orientation_says_the_same(orientation: int) -> None:
    turn = TURNS[orientation]
    assert turn is not None
    assert read(saved(page().transpose(turn), exif=exif(orientation))) == read(page())


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270])
def test_a_turned_page_is_read_in_order_and_tells_where_text_begins(turn: Image.Transpose) -> None:
    found = read(page().transpose(turn))
    assert found.text == "\n".join(PAGE)
    first, second = found.regions[0].polygon[:2]
    along = {
        Image.Transpose.ROTATE_90: (0, -1),
        Image.Transpose.ROTATE_180: (-1, 0),
        Image.Transpose.ROTATE_270: (0, 1),
    }[turn]
    assert (second.x - first.x) * along[0] + (second.y - first.y) * along[1] > 300


@pytest.mark.parametrize("inks", [["white"], ["black"], ["white", "black"]])
@pytest.mark.parametrize("hidden", [(255, 255, 255, 0), (0, 0, 0, 0)])
def test_what_is_drawn_on_nothing_is_read(inks: list[str], hidden: tuple[int, ...]) -> None:
    image = Image.new("RGBA", (500, 160), hidden)
    for i, ink in enumerate(inks):
        ImageDraw.Draw(image).text((30, 20 + 70 * i), f"{SEASON[i]} ticket", fill=ink, font=font(40))
    assert read(image).text == "\n".join(f"{season} ticket" for season in SEASON[: len(inks)])


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 400), (4000, 3), (640, 480)])
@pytest.mark.parametrize("ground", ["white", "black"])
def test_where_nothing_is_written_nothing_is_read(size: tuple[int, int], ground: str) -> None:
    found = read(Image.new("RGB", size, ground))
    assert (found.text, found.regions, found.region_count, found.word_count) == ("", (), 0, 0)


def test_all_that_is_transparent_says_nothing() -> None:
    assert read(Image.new("RGBA", (200, 100), (9, 9, 9, 0))).text == ""


def test_tight_tiny_and_letterboxed_pictures() -> None:
    left, top, right, bottom = font(14).getbbox("Gate B12")
    tight = drawn((int(right - left) + 2, int(bottom - top) + 2), ("Gate B12", 1 - int(left), 1 - int(top), 14))
    assert read(tight).text == "Gate B12"
    assert read(drawn((1600, 40), ("Next stop: Old Harbour", 20, 5, 24))).text == "Next stop: Old Harbour"
    assert read(drawn((60, 100), ("7", 15, 15, 60))).text == "7"


def test_columns_are_read_one_after_the_other() -> None:
    left = ["It was the best of times,", "it was the worst of times,", "it was the age of wisdom,", "it was the age of"]
    right = [
        "foolishness, it was the epoch",
        "of belief, it was the epoch",
        "of incredulity, it was the",
        "season of Light",
    ]
    texts = [("A tale of two cities, told in two columns", 40, 20, 36)]
    texts += [(line, 40, 110 + 50 * i, 26) for i, line in enumerate(left)]
    texts += [(line, 480, 110 + 50 * i, 26) for i, line in enumerate(right)]
    assert read(drawn((900, 340), *texts)).text == "\n".join([texts[0][0], *left, *right])


def test_rows_of_a_table_stay_together() -> None:
    rows = [("Coffee", "3.20"), ("Apple cake", "4.50"), ("Water", "1.80"), ("Total", "9.50")]
    texts = [(text, x, 30 + 50 * i, 28) for i, row in enumerate(rows) for text, x in zip(row, (40, 420), strict=True)]
    assert read(drawn((560, 260), *texts)).text == "\n".join(" ".join(row) for row in rows)


def test_options() -> None:
    with pytest.raises(InvalidOptions, match="min_confidence"):
        lookhear.analyze(saved(page()), ["ocr"], {"ocr": {"min_confidence": 2}})
    with pytest.raises(InvalidOptions, match="languages"):
        lookhear.analyze(saved(page()), ["ocr"], {"ocr": {"languages": []}})
    assert read(page(), min_confidence=1.0).region_count <= read(page(), min_confidence=0.0).region_count
    assert read(page(), languages=["en-US", "ch_sim", "ja", "pt_BR"]).text == "\n".join(PAGE)


def test_options_of_films_are_no_mistake_where_there_are_pictures_too() -> None:
    assert read(page(), seconds=5).text == "\n".join(PAGE)
    with pytest.raises(InvalidOptions, match="no option 'second'"):
        lookhear.analyze(saved(page()), ["ocr"], {"ocr": {"second": 5}})
    with pytest.raises(InvalidOptions, match="seconds > 0"):
        lookhear.analyze(saved(page()), ["ocr"], {"ocr": {"seconds": 0}})


def test_a_language_that_no_model_reads_is_refused_before_decoding() -> None:
    report = lookhear.analyze(saved(page()), ["ocr"], {"ocr": {"languages": ["en", "th", "vi"]}})
    assert [(error.task, error.code) for error in report.errors] == [("ocr", "model_missing")]
    assert "reads th, vi" in report.errors[0].message and "decode" not in report.timings


def test_weights_that_are_not_there_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models._FILES, "Rec", "elsewhere.onnx")
    with pytest.raises(ModelMissing, match=r"elsewhere\.onnx.*pip install"):
        models.check(("en",))
    report = lookhear.analyze(saved(page()), ["ocr"])
    assert report.errors[0].code == "model_missing" and "decode" not in report.timings


LETTERS = {
    "af": "áêéèëïíîôóúû", "az": "çəğıöşüƏİ", "bs": "čćđšž", "ca": "àéèíïóòúüç·", "cs": "áčďéěíňóřšťúůýž", "cy": "âêîôûŵŷ",
    "da": "æøå", "de": "äöüßÄÖÜ", "es": "áéíóúüñ¿", "et": "äõöüšž", "eu": "ñç", "fi": "äöåšž", "fr": "àâæçéèêëîïôœùûüÿŒ",
    "ga": "áéíóú", "gl": "áéíóúüñ", "hr": "čćđšž", "hu": "áéíóöőúüű", "is": "áðéíóúýþæö", "it": "àèéìíîòóùú", "ku": "çêîşû",
    "la": "āēīōū", "lb": "äëéêèöüï", "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "mi": "āēīōū", "mt": "ċġħżà", "nl": "éëïóöü",
    "no": "æøå", "oc": "áàçéèíïóòúü", "pl": "ąćęłńóśźż", "pt": "ãáàâçéêíõóôú", "qu": "ñ", "rm": "àèéìòù", "ro": "ăâîșțşţ",
    "sk": "áäčďéíĺľňóôŕšťúýž", "sl": "čšž", "sq": "ëç", "sv": "åäö", "tl": "ñ", "tr": "çğıöşüİ",
    "zh": "的一是不了人我在有他這",
    "ja": "あいうえおアイウエオ日本語ー", "en": "azAZ09'&", "id": "az", "ms": "az", "sw": "az", "uz": "az'",
}  # fmt: skip


def test_every_language_has_its_letters_and_those_left_out_lack_some() -> None:
    alphabet = set(models.load().recognize.session.get_character_list())
    assert set(LETTERS) == models.LANGUAGES
    for language, letters in LETTERS.items():
        assert set(letters) <= alphabet, language
    for letters in ("ếữặ", "жщы", "กขค", "한국", "אבג", "ابت", "अआक"):  # Vietnamese, Russian, Thai, Korean, …
        assert not set(letters) <= alphabet


def test_several_threads_read_the_same() -> None:
    pictures = [saved(page()), saved(drawn((500, 200), ("Quiet please", 60, 60, 50)))] * 3
    alone = [read(picture).text for picture in pictures[:2]] * 3
    together: list[str] = [""] * len(pictures)

    def work(i: int) -> None:
        together[i] = read(pictures[i]).text

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone and alone[1] == "Quiet please"


def test_other_tasks_see_what_they_see_alone() -> None:
    rng = np.random.default_rng(2)
    pixels = np.kron(rng.integers(0, 255, (30, 45, 3), np.uint8), np.ones((60, 60, 1), np.uint8))
    data = saved(Image.fromarray(pixels), "JPEG", quality=90)
    alone, beside = lookhear.analyze(data), lookhear.analyze(data, ["colors", "quality", "duplicates", "ocr"])
    assert beside.errors == ()
    for name in ("colors", "quality", "duplicates"):
        assert alone[name] == beside[name]


def test_it_loads_only_where_it_runs_and_never_reaches_out(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(saved(page()))
    program = f"""
import socket, sys
def refuse(*arguments, **named): raise AssertionError("it reached out")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import lookhear
report = lookhear.analyze({str(tmp_path / "page.png")!r})
assert "ocr" not in {{finding.task for finding in report.findings}}
assert not {{"cv2", "onnxruntime", "rapidocr", "requests", "omegaconf"}} & set(sys.modules)
print(lookhear.analyze({str(tmp_path / "page.png")!r}, ["ocr"])["ocr"].text)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.stderr) == ("\n".join(PAGE), "")


def film(frames: list[Image.Image], rate: int = 10, container: str = "mp4") -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream("mpeg4", rate=rate, options={"qscale": "3"})
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, "yuv420p"
        for image in frames:
            out.mux(stream.encode(av.VideoFrame.from_image(image)))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def shot(second: float) -> Image.Image:
    """A name in the corner all along; a subtitle from 1 to 3 s, and once more from 5 s."""
    texts = [("Channel 5", 20, 16, 30)]
    if 1 <= second < 3 or second >= 5:
        texts.append(("Where have you been?", 120, 280, 36))
    image = drawn((640, 352), *texts, ground=(40, 60, 90), ink="white")
    ImageDraw.Draw(image).ellipse([300 + 20 * second, 120, 360 + 20 * second, 180], fill=(200, 80, 30))
    return image


def test_what_is_seen_on_a_film_has_its_span() -> None:
    report = lookhear.analyze(film([shot(i / 10) for i in range(60)]), ["ocr"])
    assert report.errors == ()
    found = report["ocr"]
    assert [(one.text, round(one.start, 3), round(one.end, 3)) for one in found.appearances] == [
        ("Channel 5", 0.0, 6.0),
        ("Where have you been?", 1.0, 3.0),
        ("Where have you been?", 5.0, 6.0),
    ]
    assert found.text == "Channel 5\nWhere have you been?"
    assert (found.appearance_count, found.word_count, found.frames_read) == (3, 6, 6)
    left, top, right, bottom = font(36).getbbox("Where have you been?")
    assert overlap(bounds(found.appearances[1].polygon), (120 + left, 280 + top, 120 + right, 280 + bottom)) > 0.55
    assert [(frame.frame, len(frame.regions)) for frame in found.frames] == [
        (0, 1), (10, 2), (20, 2), (30, 1), (40, 1), (50, 2)
    ]  # fmt: skip


def test_every_so_many_frames_of_a_film() -> None:
    report = lookhear.analyze(film([shot(i / 10) for i in range(20)]), ["ocr"], {"ocr": {"frame_interval": 8}})
    assert [frame.frame for frame in report["ocr"].frames] == [0, 8, 16]
    assert report["ocr"].appearances[1].start == pytest.approx(1.6)


def test_a_large_film_tells_pixels_of_its_own_size() -> None:
    image = drawn((2560, 1440), ("Breaking news tonight", 400, 1000, 90), ground="navy", ink="white")
    found = lookhear.analyze(film([image] * 3), ["ocr"])["ocr"]
    left, top, right, bottom = font(90).getbbox("Breaking news tonight")
    assert found.text == "Breaking news tonight"
    assert overlap(bounds(found.appearances[0].polygon), (400 + left, 1000 + top, 400 + right, 1000 + bottom)) > 0.55


def test_a_moving_picture_without_text() -> None:
    found = lookhear.analyze(film([Image.new("RGB", (64, 48), "gray")] * 12), ["ocr"])["ocr"]
    assert (found.text, found.appearances, found.frames, found.frames_read) == ("", (), (), 2)


def sight(text: str, x: float = 0, confidence: float = 0.9) -> Sighting:
    return Sighting(text, confidence, ((x, 0), (x + 100, 0), (x + 100, 20), (x, 20)))


def test_readings_of_one_text_are_one_appearance() -> None:
    tracker = Tracker()
    for time, seen in enumerate([["Hello world"], ["HeIlo world"], [], ["Hello world"], [], []]):
        tracker.add(float(time), [sight(text, confidence=0.8 if "I" in text else 0.95) for text in seen])
    (track,) = tracker.finish(6.0)
    assert (track.best.text, track.start, track.end) == ("Hello world", 0.0, 4.0)


def test_other_text_or_another_place_is_another_appearance() -> None:
    tracker = Tracker()
    for time, seen in enumerate([sight("Hello"), sight("Goodbye"), sight("Goodbye", 300)]):
        tracker.add(float(time), [seen])
    assert [(track.best.text, track.start, track.end) for track in tracker.finish(3.0)] == [
        ("Hello", 0.0, 1.0),
        ("Goodbye", 1.0, 2.0),
        ("Goodbye", 2.0, 3.0),
    ]


def test_frames_are_the_same_but_for_noise() -> None:
    rng = np.random.default_rng(1)
    one = rng.integers(20, 230, (50, 70, 3), np.uint8)
    noisy = (one + rng.integers(-3, 4, one.shape)).astype(np.uint8)
    changed = one.copy()
    changed[8:16, 8:16] //= 2
    assert same_picture(one, noisy) and not same_picture(one, changed) and not same_picture(one, one[:-1])


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(20, 120), min_size=1, max_size=4), min_size=1, max_size=6),
    way=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_rows_are_read_downwards_whichever_way_the_page_lies(rows: list[list[int]], way: int, seed: int) -> None:
    boxes = []
    for i, widths in enumerate(rows):
        x = 0.0
        for width in widths:
            y = 40.0 * i
            boxes.append(np.array([[x, y], [x + width, y], [x + width, y + 20], [x, y + 20]]))
            x += width + 5
    across, down = ((1, 0), (0, 1), (-1, 0), (0, -1))[way]
    turned = [box @ np.array([[across, down], [-down, across]]) for box in boxes]
    shuffled = np.random.default_rng(seed).permutation(len(boxes))
    found = arranged([turned[i] for i in shuffled])
    assert quarter(turned) == way
    assert [int(shuffled[i]) for row in found for i in row] == list(range(len(boxes)))
    assert [len(row) for row in found] == [len(row) for row in rows]


def test_blanks_go_between_words_but_not_between_chinese_characters() -> None:
    boxes = [np.array([[x, 0], [x + 18, 0], [x + 18, 20], [x, 20]], float) for x in (0, 20, 100)]
    assert joined(["我", "是", "中国"], boxes) == "我是 中国"
    assert joined(["one", "two", "三"], boxes) == "one two 三"
    assert joined([], []) == ""


def test_real_pictures_in_every_format_and_direction(shared: Path) -> None:
    truth = " ".join((shared / "ocr" / "tess_phototest.gold.txt").read_text().split())
    for name in ("tess_phototest.tif", "tess_phototest-rotated-180.png", "tess_phototest-rotated-L.png",
                 "tess_phototest-rotated-R.png", "pytess_test.gif", "pytess_test.webp"):  # fmt: skip
        assert " ".join(read((shared / "ocr" / name).read_bytes()).text.split()) == truth, name
    for name in ("rapid_white_font_color_transparent.png", "rapid_black_font_color_transparent.png"):
        assert read((shared / "ocr" / name).read_bytes()).text == "我是中国人"
    assert read((shared / "ocr" / "rapid_empty_black.jpg").read_bytes()).text == ""
