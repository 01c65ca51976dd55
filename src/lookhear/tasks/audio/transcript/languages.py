"""The languages Whisper knows, by the codes it knows them by."""

from __future__ import annotations

_KNOWN = """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it
    ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn
    so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
"""

#: ISO 639-1 where there is one; else ``haw`` and ``yue``, and for Javanese the old ``jw``
CODES = frozenset(_KNOWN.split())
