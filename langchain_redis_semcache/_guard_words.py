"""Short word lists that several guards share, lower case, grouped by what they mean.

Rule of this module: a word earns its place by being unambiguous in a chat question. A missing word
costs a guard one catch; an ambiguous one ("may", "second", "like") costs right answers every day.
"""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- negation -------------------------------------------------------------------------------------

NEGATORS = word_set(
    """not never no without cannot can't won't ain't neither nor isn't aren't wasn't weren't don't
    doesn't didn't haven't hasn't hadn't wouldn't couldn't shouldn't mustn't needn't
    cant wont aint isnt arent wasnt werent dont doesnt didnt havent hasnt hadnt wouldnt couldnt
    shouldnt mustnt neednt"""
)
# Words that say "not" in another way: with one of them a text counts as negated.
SOFT_NEGATORS = word_set(
    """
    unable fail fails failed failing lack lacks lacking missing refuse refuses refused refusing
    stop stops stopped impossible instead avoid avoiding except excluding prevent preventing
    nothing none nobody non free rather less few little against hardly barely rarely non-existent
    forbidden skip skipping quit unless keep wrong isnot invalid absence absent unavailable
    inactive away broken incapable
    """
)
# "I'm not sure", "why not", "not only": nothing of the question is negated.
NOT_REALLY = word_set(
    """
    sure only just know understand think mind idea matter problem wonder worry remember believe
    wait longer much many yet sex thank thanks
    """
)
SCOPE_ENDS = word_set(". ! ? ; , but and or if when while because that which who so then")

# --- words without content ------------------------------------------------------------------------

STOPWORDS = word_set("""
    a an the this that these those some any i me my mine we us our you your yours he him his she
    her it its they them their is are was were be been being am do does did doing done have has
    had having will would shall should can could may might must of in on at by for with about as
    into onto to from up out and or but if so than then there here what which who whom whose when
    where why how 's i'm i've it's what's that's he's she's there's who's where's how's i'd i'll
    you're please tell explain know want need like get got go going make just really very too also
    ever actually . ! ? ; , / %""")

# --- direction ------------------------------------------------------------------------------------

# Words that join two things as equals: exchanging what stands around them changes nothing.
SYMMETRIC = word_set("and or vs versus between with & nor but , / . ! ? ;")
# Words left out when two texts are laid side by side.
FILLERS = word_set("a an the my your our his her their this that . ! ? , ;")

# --- who speaks, in which language, and how the question is put -----------------------------------

PERSONAL = word_set("i i'm i've i'd im ive me my")
ENGLISH = word_set(
    "the what how is are does which who why where when should of my can you your with"
)
QUESTION_WORDS = word_set(
    """how what which when where why who whom whose what's whats how's where's who's when's why's
    hows"""
)
AUXILIARIES = word_set("is are do does can could should will would has have did was were am may")
CLAUSE_STARTS = word_set(". ! ? ; , and or but so")
