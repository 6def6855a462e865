"""Made-up licence plates in a European style, drawn with the face that Pillow carries."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PLATE_WIDTH_M, PLATE_HEIGHT_M = 0.52, 0.112
"""ISO 7591's long plate, as most of Europe uses it."""
WIDTH_PX, HEIGHT_PX = 520, 112
LETTERS = "ABCEFGHJKLMNPRTUVWXY"
DIGITS = "2345679"
"""Of the groups that small crops confuse, O 0 Q D and I 1 are left out; B stands for B 8, 5 for S 5, 2 for Z 2."""
STROKE_PX = 2
"""Thickens the face to a plate's weight; more closes the counters of 5, 6 and 9 in small crops."""
PATTERNS = ("LL 000 LL", "L 000 LLL", "LL 00 LLL", "LL 0000 L")
PAPER, INK, BAND, STAR = (238, 238, 232), (18, 18, 22), (22, 58, 160), (250, 215, 40)


def random_text(rng: random.Random) -> str:
    """A text of two or three groups, spaces kept.

    >>> random_text(random.Random(1))
    'X 999 CKE'
    """
    pattern = rng.choice(PATTERNS)
    return "".join(rng.choice(LETTERS) if c == "L" else rng.choice(DIGITS) if c == "0" else c for c in pattern)


def draw_plate(text: str) -> NDArray[np.uint8]:
    """The plate head-on: BGR, HEIGHT_PX x WIDTH_PX."""
    picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), PAPER)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 44, HEIGHT_PX), fill=BAND)
    for x, y in ((22, 20), (32, 26), (36, 36), (32, 46), (22, 52), (12, 46), (8, 36), (12, 26)):
        pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=STAR)
    _letters(picture, text, room=(62, 19, WIDTH_PX - 20, HEIGHT_PX - 19))
    pen.rounded_rectangle((0, 0, WIDTH_PX - 1, HEIGHT_PX - 1), radius=8, outline=INK, width=4)
    return np.asarray(picture)[..., ::-1].copy()


def _letters(picture: Image.Image, text: str, room: tuple[int, int, int, int]) -> None:
    """The text spread over a room (x1, y1, x2, y2), each sign in a cell of its own as on real plates."""
    face = ImageFont.load_default(110)
    high = room[3] - room[1]
    shares = [0.45 if sign == " " else 1.0 for sign in text]
    unit = min((room[2] - room[0]) / sum(shares), 62.0)
    x = room[0] + (room[2] - room[0] - unit * sum(shares)) / 2
    for sign, share in zip(text, shares):
        if sign != " ":
            left, top, right, bottom = face.getbbox(sign, stroke_width=STROKE_PX)
            mask = Image.new("L", (int(right - left), int(bottom - top)))
            ImageDraw.Draw(mask).text((-left, -top), sign, font=face, fill=255, stroke_width=STROKE_PX)
            wide = max(8, round(min(unit - 9, mask.width * high / mask.height * 0.9)))
            at = (round(x + (unit - wide) / 2), room[1])
            picture.paste(Image.new("RGB", (wide, high), INK), at, mask.resize((wide, high), Image.Resampling.LANCZOS))
        x += unit * share
