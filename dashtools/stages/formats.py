"""Country formats as data: what decides between a letter and a digit that plates draw alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from dashtools.stages.vote import CharacterVote, Vote

_ALIKE = {"O": "0", "0": "O", "I": "1", "1": "I"}
_FILE = Path(__file__).resolve().parent.parent / "data" / "formats.json"


@lru_cache(maxsize=8)
def masks(packs: tuple[str, ...] | None = None) -> frozenset[str]:
    """The masks of some packs (of all, when None): L for a letter, N for a digit.

    >>> "LLNNLLL" in masks(("gb",))
    True
    """
    known: dict[str, list[str]] = json.loads(_FILE.read_bytes())["packs"]
    chosen: Iterable[str] = known if packs is None else [name for name in packs if name in known]
    return frozenset(mask for name in chosen for mask in known[name])


def shape(text: str) -> str:
    """The mask of a text.

    >>> shape("AB12CDE")
    'LLNNLLL'
    """
    return "".join("N" if char.isdigit() else "L" for char in text)


def settle(voted: Vote, packs: Sequence[str] | None = None) -> Vote:
    """The vote with one O, 0, I or 1 as the formats want it, where that is the only way to fit one.

    A text that fits already, that no one swap makes fit, or that two make fit, stays as it was read. What was
    read stays among the alternatives.
    """
    allowed = masks(tuple(packs) if packs is not None else None)
    if not voted.text or shape(voted.text) in allowed:
        return voted
    fitting = _fitting(voted.text, allowed)
    if len(fitting) != 1:
        return voted
    characters = tuple(_swapped(c, wanted) for c, wanted in zip(voted.characters, fitting[0]))
    return replace(voted, text=fitting[0], characters=characters)


def _fitting(text: str, allowed: frozenset[str]) -> list[str]:
    """The texts one swap away that fit a format.

    Two swaps would let almost any text fit something; a text of digits or letters alone has a shape of its own.
    """
    if text.isdigit() or text.isalpha():
        return []
    swapped = (text[:i] + _ALIKE[char] + text[i + 1 :] for i, char in enumerate(text) if char in _ALIKE)
    return [candidate for candidate in swapped if shape(candidate) in allowed]


def _swapped(character: CharacterVote, wanted: str) -> CharacterVote:
    if character.char == wanted:
        return character
    others = tuple(pair for pair in character.alternatives if pair[0] != wanted)
    return replace(character, char=wanted, alternatives=((character.char, character.weight), *others))
