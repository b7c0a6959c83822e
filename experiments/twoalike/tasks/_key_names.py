"""The names of the keys, as the window reports them and as protocols write them.

A list of our own, so that a protocol is checked where there is neither window nor PsychoPy.
"""

import difflib
from string import ascii_lowercase, digits

SYNONYMS = {
    "enter": "return",
    "grave": "quoteleft",
    "hash": "pound",
    "modeswitch": "scriptswitch",
    "num_end": "num_1",
    "num_down": "num_2",
    "num_next": "num_3",
    "num_page_down": "num_3",
    "num_left": "num_4",
    "num_begin": "num_5",
    "num_right": "num_6",
    "num_home": "num_7",
    "num_up": "num_8",
    "num_prior": "num_9",
    "num_page_up": "num_9",
}
"""Other name of a key -> ours. Names of one key, and what the number pad sends while NumLock is
off: the person presses the same keys."""

KEYS = frozenset(
    [*ascii_lowercase, *digits]
    + [f"num_{digit}" for digit in digits]
    + [f"f{number}" for number in range(1, 21)]
    + [f"num_f{number}" for number in range(1, 5)]
    + """
    backspace tab linefeed clear return pause scrolllock sysreq escape space
    home left up right down pageup pagedown end begin
    delete select print execute insert undo redo menu find cancel help break scriptswitch function
    numlock num_space num_tab num_enter num_insert num_delete num_equal num_multiply num_add
    num_separator num_subtract num_decimal num_divide
    lshift rshift lctrl rctrl capslock lmeta rmeta lalt ralt lwindows rwindows lcommand rcommand
    loption roption
    exclamation doublequote pound dollar percent ampersand apostrophe parenleft parenright
    asterisk plus comma minus period slash colon semicolon less equal greater question at
    bracketleft backslash bracketright asciicircum underscore quoteleft braceleft bar braceright
    asciitilde
    """.split()
)
"""Every key that a window can report."""


def check_key(name: str) -> str:
    """Return our name of a key.

    Raises
    ------
    ValueError
        If there is no such key; the message says which name is nearest.

    Examples
    --------
    >>> check_key("left"), check_key("enter")
    ('left', 'return')
    """
    found = SYNONYMS.get(name, name)
    if found in KEYS:
        return found
    # Names are in lower case; a person may write Left, or KP_1 for the number pad.
    close = difflib.get_close_matches(name.lower(), sorted(KEYS | SYNONYMS.keys()), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "names are such as left, a, 1, num_1"
    raise ValueError(f"no key of the keyboard is called {name!r}; {hint}")


def check_keys(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return our names of the keys, each once, in their order.

    Raises
    ------
    ValueError
        As :func:`check_key`.
    """
    return tuple(dict.fromkeys(map(check_key, names)))
