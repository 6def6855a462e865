"""Country formats as data: what decides between a letter and a digit that plates draw alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path

from dashtools.stages.vote import CharacterVote, Vote

_ALIKE = {"O": "O0", "0": "0O", "I": "I1", "1": "1I"}
_FILE = Path(__file__).resolve().parent.parent / "data" / "formats.json"
_SWAPS_MAX = 4


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
    """The vote with O, 0, I and 1 as the formats want them, where that is the only way to fit one.

    A text that fits already, that no such swap makes fit, or that two ways make fit, stays as it was read. What
    was read stays among the alternatives.
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
    """The texts with the fewest swaps that fit a format."""
    if sum(char in _ALIKE for char in text) > _SWAPS_MAX:
        return []
    candidates = ("".join(signs) for signs in product(*(_ALIKE.get(char, char) for char in text)))
    by_swaps: dict[int, list[str]] = {}
    for candidate in candidates:
        if shape(candidate) in allowed:
            by_swaps.setdefault(sum(a != b for a, b in zip(candidate, text)), []).append(candidate)
    return by_swaps[min(by_swaps)] if by_swaps else []


def _swapped(character: CharacterVote, wanted: str) -> CharacterVote:
    if character.char == wanted:
        return character
    others = tuple(pair for pair in character.alternatives if pair[0] != wanted)
    return replace(character, char=wanted, alternatives=((character.char, character.weight), *others))
