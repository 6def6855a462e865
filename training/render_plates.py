"""Clean number plates of many countries' layouts, and things that are not plates, as small RGBA pictures.

python training/render_plates.py SHEET.png [--seed 1]
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Rgb = tuple[int, int, int]
WIDTH_PX = 256
LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
BLACK, WHITE, BLUE, YELLOW = (15, 15, 18), (240, 240, 236), (20, 50, 150), (245, 200, 30)
RED, GREEN, GREY, CREAM = (170, 25, 30), (20, 90, 55), (150, 152, 155), (226, 222, 205)


@dataclass(frozen=True)
class Layout:
    """One look of a plate; `aspect` is width over height, `|` in a pattern starts the second line."""

    name: str
    aspect: float
    patterns: tuple[str, ...]
    paper: Rgb
    ink: Rgb
    band: Rgb | None = None
    has_second_band: bool = False
    head: Rgb | None = None
    has_caption: bool = False
    weight: int = 2


EU_PATTERNS = ("LL 00 LLL", "L 000 LLL", "LL-000-LL", "LLL 0000", "0LL 0000", "LL 00000", "LLL-000", "L LL 000")
LAYOUTS = (
    Layout("eu", 4.6, EU_PATTERNS, WHITE, BLACK, band=BLUE, weight=9),
    Layout("eu without band", 4.6, EU_PATTERNS, WHITE, BLACK, weight=2),
    Layout("eu red letters", 4.6, ("L 000000", "0-LLL-000"), WHITE, RED, band=BLUE, weight=1),
    Layout("eu two lines", 1.45, ("LL 00|LLL", "L 000|LLL", "LL|0000"), WHITE, BLACK, band=BLUE, weight=3),
    Layout("fr, it", 4.6, ("LL-000-LL",), WHITE, BLACK, band=BLUE, has_second_band=True),
    Layout("nl, uk rear", 4.6, ("LL-00-LL", "LL00 LLL", "00-LLL-0"), YELLOW, BLACK, band=BLUE, weight=3),
    Layout("uk rear two lines", 1.5, ("LL00|LLL",), YELLOW, BLACK, weight=1),
    Layout("county and six digits", 4.6, ("LL 000000", "L 000000"), WHITE, RED, band=None, weight=2),
    Layout("ch", 3.4, ("LL 000000", "LL|000000"), WHITE, BLACK, weight=1),
    Layout(
        "us white", 2.0, ("LLL 0000", "0LLL000", "LLL-000", "000 LLL"), WHITE, (20, 30, 110), has_caption=True, weight=4
    ),
    Layout(
        "us coloured",
        2.0,
        ("LLL 0000", "00-0000", "LLL000"),
        CREAM,
        GREEN,
        head=(60, 120, 190),
        has_caption=True,
        weight=3,
    ),
    Layout("us dark", 2.0, ("LLL 0000", "LLL 000"), (25, 40, 90), YELLOW, has_caption=True, weight=1),
    Layout("br grey", 3.0, ("LLL-0000",), GREY, BLACK, has_caption=True),
    Layout("mercosur", 3.0, ("LLL0L00", "LL 000 LL"), WHITE, BLACK, head=BLUE, weight=3),
    Layout("jp", 2.0, ("LL 000|00-00",), WHITE, GREEN),
    Layout("jp light", 2.0, ("LL 000|00-00",), YELLOW, BLACK, weight=1),
    Layout("cn blue", 3.15, ("LL·00000", "LL·0L000"), (20, 60, 170), WHITE, weight=3),
    Layout("cn green", 3.4, ("LL·L00000",), (130, 210, 150), BLACK, weight=1),
    Layout("ru", 4.6, ("L 000 LL 00",), WHITE, BLACK, weight=2),
    Layout("in", 4.2, ("LL 00 LL 0000",), WHITE, BLACK, weight=1),
    Layout("in two lines", 1.8, ("LL 00|LL 0000",), YELLOW, BLACK, weight=1),
    Layout("au", 2.8, ("LLL 00L", "00L-0LL"), YELLOW, BLACK, has_caption=True, weight=1),
    Layout("old black", 4.2, ("LLL 000L", "000 LLL"), (25, 25, 28), (205, 205, 200), weight=1),
    Layout("motorcycle", 1.15, ("LL 00|0000", "LLL|000"), WHITE, BLACK, weight=1),
)
NOT_FACES = (
    "Italic",
    "Oblique",
    "Serif",
    "Thin",
    "ExtraLight",
    "Math",
    "D050000L",
    "Z003",
    "Symbol",
    "C059",
    "P052",
    "Bookman",
)


def font_files(folder: Path) -> list[Path]:
    """Upright sans and mono faces under a folder, sorted."""
    found = [path for kind in ("*.ttf", "*.otf") for path in folder.rglob(kind)]
    return sorted(path for path in found if not any(word in path.name for word in NOT_FACES))


def text_of(pattern: str, rng: random.Random) -> str:
    """The pattern with L made a letter and 0 a digit."""
    return "".join(rng.choice(LETTERS) if c == "L" else rng.choice(DIGITS) if c == "0" else c for c in pattern)


def shade(colour: Rgb, rng: random.Random, by: int = 18) -> Rgb:
    """A colour a little off, channel by channel."""
    return tuple(max(0, min(255, c + rng.randint(-by, by))) for c in colour)  # type: ignore[return-value]


class Renderer:
    """Draws plates and not-plates; every picture follows from the generator that is passed in."""

    def __init__(self, fonts: Path = Path("/usr/share/fonts")) -> None:
        self.faces = [ImageFont.truetype(str(path), 64) for path in font_files(fonts)]
        self.small = [face.font_variant(size=14) for face in self.faces[::4]]
        if not self.faces:
            raise SystemExit(f"no TrueType face under {fonts}; see training/README.md")

    def plate(self, rng: random.Random) -> Image.Image:
        """One clean plate, RGBA, WIDTH_PX wide."""
        layout = rng.choices(LAYOUTS, [one.weight for one in LAYOUTS])[0]
        height = round(WIDTH_PX / (layout.aspect * rng.uniform(0.9, 1.1)))
        paper, ink = shade(layout.paper, rng), shade(layout.ink, rng)
        picture = Image.new("RGB", (WIDTH_PX, height), paper)
        pen = ImageDraw.Draw(picture)
        left, top, right, bottom = self._furniture(pen, layout, height, rng)
        lines = text_of(rng.choice(layout.patterns), rng).split("|")
        face = rng.choice(self.faces)
        share = (bottom - top) / len(lines)
        for number, line in enumerate(lines):
            room = (
                left,
                int(top + share * number),
                right,
                int(top + share * (number + 1)) - (4 if len(lines) > 1 else 0),
            )
            self._stretched(picture, line, face, ink, room, rng)
        if rng.random() < 0.7:
            pen.rectangle(
                (0, 0, WIDTH_PX - 1, height - 1),
                outline=shade(rng.choice((BLACK, ink, GREY)), rng),
                width=rng.randint(1, 5),
            )
        self._wear(pen, height, rng)
        return with_round_corners(picture, rng.randint(0, 10))

    def _furniture(
        self, pen: ImageDraw.ImageDraw, layout: Layout, height: int, rng: random.Random
    ) -> tuple[int, int, int, int]:
        """Bands, head and captions; what is left for the text."""
        left, right = rng.randint(5, 16), WIDTH_PX - rng.randint(5, 16)
        top, bottom = int(height * rng.uniform(0.08, 0.18)), int(height * rng.uniform(0.82, 0.93))
        small = rng.choice(self.small)
        if layout.band:
            wide = int(WIDTH_PX * rng.uniform(0.07, 0.11))
            pen.rectangle((0, 0, wide, height), fill=shade(layout.band, rng))
            pen.text((wide * 0.2, height * 0.6), text_of(rng.choice(("L", "LL")), rng), font=small, fill=WHITE)
            left = wide + rng.randint(3, 10)
            if layout.has_second_band:
                pen.rectangle((WIDTH_PX - wide, 0, WIDTH_PX, height), fill=shade(layout.band, rng))
                right = WIDTH_PX - wide - rng.randint(3, 10)
        if layout.head:
            pen.rectangle((0, 0, WIDTH_PX, int(height * 0.22)), fill=shade(layout.head, rng, 40))
            top = int(height * 0.27)
        if layout.has_caption:
            caption = text_of("L" * rng.randint(4, 12), rng)
            pen.text(
                (WIDTH_PX * rng.uniform(0.2, 0.45), height * 0.03), caption, font=small, fill=shade(layout.ink, rng, 60)
            )
            pen.text(
                (WIDTH_PX * rng.uniform(0.1, 0.4), height * 0.84),
                caption.lower(),
                font=small,
                fill=shade(layout.ink, rng, 60),
            )
            top, bottom = int(height * rng.uniform(0.22, 0.3)), int(height * rng.uniform(0.74, 0.84))
        return left, top, right, bottom

    def _stretched(
        self,
        picture: Image.Image,
        line: str,
        face: ImageFont.FreeTypeFont,
        ink: Rgb,
        room: tuple[int, int, int, int],
        rng: random.Random,
    ) -> None:
        """The line drawn into a room, squeezed or widened as plate faces are."""
        x1, y1, x2, y2 = face.getbbox(line)
        mask = Image.new("L", (int(x2 - x1) + 2, int(y2 - y1) + 2))
        ImageDraw.Draw(mask).text((1 - x1, 1 - y1), line, font=face, fill=255)
        high = max(6, room[3] - room[1])
        wide = int(min(room[2] - room[0], mask.width * high / mask.height * rng.uniform(0.75, 1.4)))
        at = room[0] + int((room[2] - room[0] - wide) * rng.uniform(0.2, 0.8))
        picture.paste(Image.new("RGB", (max(8, wide), high), ink), (at, room[1]), mask.resize((max(8, wide), high)))

    def _wear(self, pen: ImageDraw.ImageDraw, height: int, rng: random.Random) -> None:
        """Bolts, dirt and a registration sticker, each now and then."""
        for _ in range(rng.choice((0, 0, 2, 4))):
            x, y, r = rng.choice((18, WIDTH_PX - 18)), rng.choice((8, height - 8, height // 2)), rng.randint(2, 5)
            pen.ellipse((x - r, y - r, x + r, y + r), fill=shade(GREY, rng, 60))
        if rng.random() < 0.15:
            x, y = rng.randint(0, WIDTH_PX), rng.randint(0, height)
            pen.ellipse((x - 30, y - 12, x + 30, y + 12), fill=shade((110, 100, 85), rng))

    def decoy(self, rng: random.Random) -> Image.Image:
        """Something that is no plate: a shop sign, a road sign, a sticker, a grille, lamps, slats."""
        kind = rng.choice(("shop", "shop", "shop", "sticker", "road", "grille", "lamp", "slats"))
        return getattr(self, f"_{kind}")(rng)

    def _shop(self, rng: random.Random) -> Image.Image:
        high = rng.randint(28, 150)
        colours = [shade(c, rng, 40) for c in (BLUE, RED, GREEN, BLACK, (230, 90, 20), (120, 30, 110), (90, 60, 40))]
        picture = Image.new("RGBA", (WIDTH_PX, high), (*rng.choice(colours), 255))
        pen = ImageDraw.Draw(picture)
        words = [
            "".join(rng.choice("aeioumnrstlkpd") for _ in range(rng.randint(3, 10))) for _ in range(rng.randint(1, 4))
        ]
        face = rng.choice(self.faces).font_variant(size=max(12, high // rng.randint(1, 3)))
        style = rng.choice((str.upper, str.title, str.lower))
        pen.multiline_text(
            (rng.randint(2, 30), 1), style(rng.choice(("\n", " ")).join(words)), font=face, fill=shade(WHITE, rng, 60)
        )
        return picture

    def _sticker(self, rng: random.Random) -> Image.Image:
        picture = Image.new("RGBA", (WIDTH_PX, 60), (0, 0, 0, 0))
        words = "".join(rng.choice(LETTERS + LETTERS.lower()) for _ in range(rng.randint(3, 9)))
        ImageDraw.Draw(picture).text(
            (4, 2), words, font=rng.choice(self.faces), fill=(*shade(rng.choice((WHITE, GREY, RED)), rng), 255)
        )
        return picture

    def _road(self, rng: random.Random) -> Image.Image:
        picture = Image.new("RGBA", (WIDTH_PX, WIDTH_PX), (0, 0, 0, 0))
        pen = ImageDraw.Draw(picture)
        pen.ellipse(
            (2, 2, 253, 253),
            fill=(*shade(WHITE, rng), 255),
            outline=shade(rng.choice((RED, BLUE, BLACK)), rng),
            width=rng.randint(14, 34),
        )
        pen.text(
            (60, 80), str(rng.choice((30, 50, 70, 90))), font=rng.choice(self.faces).font_variant(size=100), fill=BLACK
        )
        return picture

    def _grille(self, rng: random.Random) -> Image.Image:
        picture = Image.new("RGBA", (WIDTH_PX, rng.randint(50, 110)), (*shade((25, 25, 28), rng), 255))
        for y in range(4, picture.height, rng.randint(7, 16)):
            ImageDraw.Draw(picture).line((0, y, WIDTH_PX, y), fill=shade(GREY, rng, 50), width=rng.randint(1, 4))
        return picture

    def _slats(self, rng: random.Random) -> Image.Image:
        picture = Image.new(
            "RGBA", (WIDTH_PX, rng.randint(40, 90)), (*shade(rng.choice((WHITE, GREY, YELLOW)), rng), 255)
        )
        for x in range(0, WIDTH_PX, rng.randint(9, 30)):
            ImageDraw.Draw(picture).line((x, 0, x, 99), fill=shade(BLACK, rng, 50), width=rng.randint(2, 9))
        return picture

    def _lamp(self, rng: random.Random) -> Image.Image:
        high = rng.randint(40, 160)
        picture = Image.new("RGBA", (WIDTH_PX, high), (0, 0, 0, 0))
        tint = rng.choice(((255, 250, 225), (255, 60, 40), (255, 170, 60), (225, 235, 255)))
        for ring in range(10):
            inset = ring * high // 22
            box = (inset * 1.6, inset, WIDTH_PX - inset * 1.6, high - inset)
            ImageDraw.Draw(picture).ellipse(box, fill=(*shade(tint, rng, 6), 25 + ring * 25))
        return picture


def with_round_corners(picture: Image.Image, radius_px: int) -> Image.Image:
    """The picture as RGBA, its corners cut."""
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, picture.width - 1, picture.height - 1), radius_px, fill=255)
    picture.putalpha(mask)
    return picture


def sheet(rng: random.Random, renderer: Renderer) -> np.ndarray:
    """Eight rows of plates and four of decoys, to look at."""
    rows = []
    for number in range(12):
        row = Image.new("RGB", (6 * 266, 200), (90, 90, 90))
        for column in range(6):
            one = renderer.plate(rng) if number < 8 else renderer.decoy(rng)
            row.paste(one, (column * 266, 0), one)
        rows.append(np.asarray(row))
    return np.concatenate(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    Image.fromarray(sheet(random.Random(given.seed), Renderer())).save(given.sheet)
