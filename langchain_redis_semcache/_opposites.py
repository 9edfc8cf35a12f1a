"""Opposites: enable/disable, before/after, best/worst, turn on/turn off, and their inflections.

Rule of this module: the two sides of a pair exclude each other in whatever question they are asked.
"""

from __future__ import annotations

from functools import cache

from ._guard_words import word_set
from ._text import Text

# "left | right", one pair to a line; verbs and adjectives are inflected below.

_VERBS = """
enable activate | disable deactivate
import | export
upload | download
buy purchase | sell
increase raise grow | decrease reduce lower shrink
rise | fall
open reopen | close
lock | unlock
encrypt | decrypt
encode | decode
compress zip | decompress unzip extract
install | uninstall
mount | unmount
add insert attach | remove delete detach
accept approve | reject decline refuse deny
allow permit | forbid ban prohibit block
start begin launch | stop finish end quit
show reveal display | hide
unhide | hide
expand | collapse
follow | unfollow
subscribe | unsubscribe
mute silence | unmute
push | pull
send | receive
lend | borrow
give | take
deposit | withdraw
credit | debit
win | lose
gain | lose
strengthen | weaken
tighten | loosen
inhale | exhale
freeze | thaw defrost
heat warm | cool chill
connect | disconnect
arrive | depart leave
include | exclude
love | hate
pass succeed | fail
create build | destroy delete
merge join combine | split separate
serialize | deserialize
maximize maximise | minimize minimise
speed accelerate | slow decelerate
hire | fire
save | spend
teach | learn
attack | defend
praise | criticize criticise
improve | worsen
lengthen | shorten
thicken | thin
widen | narrow
inflate | deflate
wrap | unwrap
pin | unpin
archive | unarchive
pause | resume
plug | unplug
fasten | unfasten
marry | divorce
ask | answer
agree | disagree
appear | disappear
trust | distrust
upgrade | downgrade
multiply | divide
subtract | add
ascend | descend
marshal | unmarshal
grant | revoke
"""

_ADJECTIVES = """
high | low
long | short
large big huge giant | small little tiny
great good | bad poor
cheap inexpensive affordable | expensive costly pricey
fast quick rapid | slow
early | late
old | young new
hot warm | cold cool
hard difficult tough | easy simple
heavy | light
thick | thin
wide broad | narrow
deep | shallow
strong | weak
rich | poor
dry | wet moist
soft | hard firm
loud noisy | quiet
bright | dark dim
clean | dirty
safe | dangerous unsafe risky
near close | far
full | empty
tight | loose
sharp | dull blunt
smooth | rough
tall | short
happy | sad unhappy
healthy | unhealthy
sweet | sour
"""

_WORDS = """
best better good | worst worse bad
most | least fewest
more | less fewer
maximum max maximal highest largest biggest greatest | minimum min minimal lowest smallest least
max | min
first | last
earliest soonest | latest
before prior | after following
above over | below under beneath
inside indoor indoors | outside outdoor outdoors
interior internal | exterior external
inbound incoming | outbound outgoing
arrivals arrival | departures departure
upstairs | downstairs
up upward upwards | down downward downwards
forward forwards ahead | backward backwards back
left | right
north northern | south southern
east eastern | west western
top | bottom
front | rear
start beginning | end
always | never
advantage advantages pro pros benefit benefits | disadvantage disadvantages con cons
upside benefits | downside drawback drawbacks
positive | negative
true | false
yes | no
legal | illegal
possible | impossible
male men man boy boys | female women woman girl girls
mens men's | womens women's
husband father dad son brother | wife mother mom mum daughter sister
uncle grandfather grandpa nephew | aunt grandmother grandma niece
teacher | student
employer | employee
landlord | tenant
lender | borrower
buyer customer | seller vendor
winner | loser
gross | net
income revenue | expense expenses
profit | loss
asset assets | liability liabilities
supply | demand
public | private
online | offline
manual manually | automatic automatically automated
formal | informal
active | passive
temporary | permanent
temporarily | permanently
optional | mandatory required compulsory
single | multiple
single unmarried | married
wired | wireless
raw uncooked | cooked
raw | fried boiled
paid | unpaid
included | excluded
ascending | descending
horizontal horizontally | vertical vertically
row rows | column columns
client | server
frontend | backend
input | output
local | remote
synchronous sync | asynchronous async
summer | winter
spring | autumn
day daytime | night nighttime
sunrise dawn | sunset dusk
morning | evening afternoon night
breakfast | lunch dinner
today | tomorrow yesterday
tomorrow | yesterday
past previous | future next
ancient | modern
monthly | yearly annual annually weekly daily
daily | weekly yearly annually
offense offence offensive | defense defence defensive
majority | minority
plural | singular
noun | verb
prefix | suffix
uppercase | lowercase
odd | even
even | uneven
import imports | export exports
liquid | solid
acid acidic | alkaline
introvert introverted | extrovert extroverted
optimist optimistic | pessimist pessimistic
vegetarian | carnivore
left-handed | right-handed
underweight | overweight
underrated | overrated
hyper | hypo
hyperthyroidism | hypothyroidism
hypertension | hypotension
hyperglycemia | hypoglycemia
hyperthermia | hypothermia
diarrhea diarrhoea | constipation
constructor | destructor
deductive | inductive
domestic | international
reversible | irreversible
common | rare uncommon
"""

# "turn the heating off": the particle decides, and it may stand anywhere in the text.
_PARTICLES: tuple[tuple[frozenset[str], str, str], ...] = (
    (word_set("turn turns turned turning switch switched switching power toggle"), "on", "off"),
    (
        word_set("log logged logging sign signed signing check checked checking opt clock"),
        "in",
        "out",
    ),
    (word_set("go going walk walking turn scroll scale scaling move moving"), "up", "down"),
)


def _verb_forms(verb: str) -> list[str]:
    stem = verb[:-1] if verb.endswith(("e", "y")) else verb
    doubled = verb + verb[-1]
    return [
        *(verb, verb + "s", verb + "es", verb + "d", verb + "ed", verb + "ing"),
        *(stem + "ing", stem + "ies", stem + "ied", doubled + "ed", doubled + "ing"),
        *_IRREGULAR.get(verb, "").split(),
    ]


_IRREGULAR = {
    "buy": "bought",
    "sell": "sold",
    "rise": "rose risen",
    "fall": "fell fallen",
    "begin": "began begun",
    "hide": "hid hidden",
    "send": "sent",
    "lend": "lent",
    "give": "gave given",
    "take": "took taken",
    "withdraw": "withdrew withdrawn",
    "win": "won",
    "lose": "lost losing",
    "freeze": "froze frozen",
    "build": "built",
    "leave": "left",
    "grow": "grew grown",
    "teach": "taught",
    "spend": "spent",
    "forbid": "forbidden",
}


def _adjective_forms(adjective: str) -> list[str]:
    stem = adjective.removesuffix("e")
    if stem.endswith("y"):
        stem = stem[:-1] + "i"
    doubled = adjective + adjective[-1]
    return [adjective, *(base + end for base in (stem, doubled) for end in ("er", "est"))]


@cache  # 2 ms of work: done at the first use, since importing the package must not take long
def _table() -> dict[str, tuple[int, ...]]:
    """Every inflected word with the sides it stands for: +n is the left of pair n, -n its right."""
    sides: dict[str, set[int]] = {}
    number = 0
    for block, forms in (
        (_VERBS, _verb_forms),
        (_ADJECTIVES, _adjective_forms),
        (_WORDS, lambda word: [word]),
    ):
        for line in block.strip().splitlines():
            number += 1
            for sign, words in zip((number, -number), line.split("|"), strict=True):
                for word in words.split():
                    for form in forms(word):
                        sides.setdefault(form, set()).add(sign)
    return {word: tuple(sorted(found)) for word, found in sides.items()}


@cache
def opposite_words() -> frozenset[str]:
    """Every word that can take a side."""
    return frozenset(_table()).union(*(particles[1:] for particles in _PARTICLES))


def opposed(a: Text, b: Text) -> bool:
    """Whether one text takes one side of a pair, the other text the other, and neither both."""
    opposite = opposite_words()
    if opposite.isdisjoint(a.words - b.words) or opposite.isdisjoint(b.words - a.words):
        return False
    sides_a, sides_b = _sides(a.words), _sides(b.words)
    return any(
        -side in sides_b and side not in sides_b and -side not in sides_a for side in sides_a
    )


def _sides(words: frozenset[str]) -> set[int]:
    """The sides of the pairs of opposites that a text takes: +n or -n for pair n."""
    table = _table()
    found = {side for word in words & table.keys() for side in table[word]}
    for number, (verbs, on, off) in enumerate(_PARTICLES, 10_000):
        if not verbs.isdisjoint(words):
            # "turn off notifications on my phone": "on" is an everyday word, "off" is not.
            if off in words:
                found.add(-number)
            elif on in words:
                found.add(number)
    return found
