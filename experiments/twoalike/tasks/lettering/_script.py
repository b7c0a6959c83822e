"""Rules of scripts: joined letters, reading direction, and where a line may break."""

import unicodedata

_RIGHT_TO_LEFT = ("R", "AL")
_NOT_FIRST = frozenset(
    "ーヽヾゝゞ々〻〜～…‥％℃"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
)
"""Signs that do not begin a line of Japanese, besides closing brackets and punctuation."""


def shape(text: str) -> str:
    """Join the letters of Arabic scripts."""
    if not any(unicodedata.bidirectional(sign) == "AL" for sign in text):
        return text
    import arabic_reshaper

    return str(arabic_reshaper.reshape(text))


def right_to_left(text: str) -> bool:
    """Whether a text is read from right to left: its first letter says so.

    Examples
    --------
    >>> right_to_left("2 مرحبا"), right_to_left("hello")
    (True, False)
    """
    kinds = (unicodedata.bidirectional(sign) for sign in text)
    return next((kind for kind in kinds if kind in ("L", *_RIGHT_TO_LEFT)), "L") != "L"


def visual_order(line: str, *, rtl: bool) -> str:
    """Signs of a line from left to right."""
    if not any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in line):
        return line
    from bidi.algorithm import get_display

    return str(get_display(line, base_dir="R" if rtl else "L"))


def is_wide(sign: str) -> bool:
    """Whether a sign is East Asian and full-width: lines may break beside it, without a space."""
    return unicodedata.east_asian_width(sign) in "WF"


def pieces(line: str) -> list[str]:
    """Parts between which a line may be broken: words, and East Asian signs.

    Closing marks, small kana and the like stay with the sign before them, opening brackets with
    the one after (the basic rules of kinsoku).

    Examples
    --------
    >>> pieces("so it is"), pieces("「研究」です。")
    (['so ', 'it ', 'is'], ['「研', '究」', 'で', 'す。'])
    """
    found = [""]
    opened = False
    for sign in line:
        wide, kind = is_wide(sign), unicodedata.category(sign)
        joins = kind in ("Pe", "Pf", "Po") or sign in _NOT_FIRST
        opens = wide and kind in ("Ps", "Pi")
        if joins and not found[-1] and len(found) > 1 and (wide or sign in _NOT_FIRST):
            found[-2] += sign
        elif (wide and not joins and not opened) or (opens and not opened):
            found += [sign] if opens else [sign, ""]
        else:
            found[-1] += sign
            if sign == " " or (wide and not opens):
                found.append("")
        opened = opens
    return [piece for piece in found if piece]
