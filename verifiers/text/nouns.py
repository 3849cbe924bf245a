"""Which words after a number name what is counted, and which say something about the number.

`12 apples` answers 12; `5 sixths`, `5 tens`, `5 fewer` and `5 too small` do not answer 5. What is counted stands in the
plural unless there is one; a word that is no plural is taken for a remark.
"""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.text import listed, units

_IRREGULAR = listed(
    "people children men women feet teeth mice geese oxen fish sheep deer dice vertices indices axes pence cattle"
    " folk data roots radii formulae moose salmon kilo each"
)
# words that change, compare, order, group or comment on a number, in the singular or plural
_REMARKS = listed(
    "tens ones hundreds thousands millions billions trillions lakhs crores dozens scores pairs times halves thirds"
    " quarters tercios cuartos quintos sextos octavos novenos mitades decimos plus minus less as is was has does this"
    " its his versus vs across perhaps besides unless always sometimes remainders mods moduli guess guesses minuses"
    " pluses places digits decimals powers ths works fails seems means equals gives leaves exceeds divides loses"
    " misses tenths doubles triples halfs logs short extra fewer more too bn mn root mio k rem ish approx"
    " approximately rounded after before greater smaller larger"
)
_CHANGING = listed(
    "tens hundreds thousands millions billions trillions lakhs crores dozens scores halves thirds quarters doubles"
    " triples less fewer bn mn remainder rem mod root roots"
)
_PARTS = listed(  # parts and scales of other languages
    "demi demis tiers mille milliard milliards milliers centaines dizaines douzaine douzaines moins medio medios"
    " tercio cuarto quinto quintas séptimo séptimos centésimos milésimos décimo décimos décima décimas centésima"
    " centésimas milésimas mil millón millones docena docenas decenas menos terços terço quartos sétimos oitavos nonos"
    " avos milhão milhões dúzia dúzias mezzi terzi quarti quinti sesti settimi ottavi noni decimi centesimi millesimi"
    " mila milioni miliardi dozzine meno halbe hälften hundert tausend million millionen milliarde milliarden dutzend"
    " weniger mehr derde derden kwart vierde tiende tienden duizend miljoen miljard dozijn minder десятых сотых"
    " тысячных третьих четвертей половин пятых тысяч тысячи миллион миллионов миллиардов дюжин меньше больше"
    " dziesiątych tysięcy milionów bin milyon milyar yarım"
)
_PART = re.compile(
    r"(?i).*(?:[^aeiou\W]ths?|[a-z]tieths?|i[\u00e8e]mes?|\wtel|nths|avos)"
)  # fifths, zwanzigstel, dixièmes
_SUBSTANTIVES = listed(
    "months baths paths moths cloths myths lengths widths depths births deaths earths truths youths booths mouths"
    " graphs tooths strengths"
)


def names_a_count(words: str, value: Fraction | None) -> bool:
    """Whether the words after a number name the things counted.

    Args:
        words: what follows the number, in lower case.
        value: the number; None where it is no rational.
    """
    said = words.split()
    if any(map(is_remark, said)):
        return False
    if any(units.names_unit(word) or not word.isascii() for word in said):
        return True  # 50 days left; 12 Äpfel: other languages make their plurals otherwise
    if value is not None and abs(value) <= 1:
        return True
    return any(word in _IRREGULAR or (word.endswith("s") and len(word) > 2 and word[-2] != "s") for word in said)


def is_remark(word: str) -> bool:
    """Whether a word in lower case says something about the number before it: `fewer`, `tens`, `Zehntel`."""
    return word in _REMARKS or is_part(word)


def changes_number(word: str) -> bool:
    """Whether a word in lower case, right after a number in a sentence, makes another number of it: `5 hundreds`."""
    return word in _CHANGING or is_part(word)


def is_part(word: str) -> bool:
    """Whether a word in lower case makes a part or a multiple of the number before it: `tenths`, `Millionen`."""
    return word in _PARTS or (_PART.fullmatch(word) is not None and word not in _SUBSTANTIVES)
