"""The word lists behind the guards: data only, lower case, grouped by what they mean.

Rule of this module: a word earns its place by being unambiguous in a chat question. A missing word
costs a guard one catch; an ambiguous one ("may", "second", "like") costs right answers every day.
"""

from __future__ import annotations

from collections.abc import Iterator


def _list(words: str) -> list[str]:
    return words.split()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- numbers -------------------------------------------------------------------------------------

_ONES = _list(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen"""
)
_TENS = _list("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = _list(
    """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""
)

CARDINALS: dict[str, float] = {
    **{word: float(value) for value, word in enumerate(_ONES)},
    **{word: float(10 * value) for value, word in enumerate(_TENS, 2)},
}
SCALES: dict[str, float] = {
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
    "dozen": 12.0,
}
ORDINALS: dict[str, float] = {word: float(value) for value, word in enumerate(_ORDINALS, 1)}
# "a third", "two fifths": the ordinal names a part when a smaller number stands before it.
PARTS: dict[str, float] = {
    "halves": 2.0,
    "quarter": 4.0,
    "quarters": 4.0,
    **{word + plural: v for word, v in ORDINALS.items() if v > 2 for plural in ("", "s")},
}
# Numbers by themselves, which do not combine with others.
SINGLES: dict[str, float] = {
    "half": 0.5,
    "\N{VULGAR FRACTION ONE HALF}": 0.5,
    "\N{VULGAR FRACTION ONE QUARTER}": 0.25,
    "\N{VULGAR FRACTION THREE QUARTERS}": 0.75,
    **dict.fromkeys(_list("twice double doubles doubled doubling ii"), 2.0),
    **dict.fromkeys(_list("thrice triple triples tripled tripling iii"), 3.0),
    **dict.fromkeys(_list("quadruple quadruples quadrupled"), 4.0),
    **{"vii": 7.0, "viii": 8.0, "ix": 9.0},
}
# Every word that can begin a number.
NUMERALS = frozenset([*CARDINALS, *SCALES, *ORDINALS, *SINGLES, "quarter"])
SHORT_SCALES: dict[str, float] = {"k": 1e3, "mn": 1e6, "mio": 1e6, "bn": 1e9}

# --- units: word -> (dimension, factor) -----------------------------------------------------------

_HOUR, _DAY, _YEAR = 3600.0, 86400.0, 31536000.0
_UNIT_WORDS: dict[tuple[str, float], str] = {
    ("time", 1.0): "s sec secs second seconds",
    ("time", 60.0): "min mins minute minutes",
    ("time", _HOUR): "h hr hrs hour hours",
    ("time", _DAY): "day days night nights",
    ("time", 7 * _DAY): "week weeks wk wks",
    ("time", _YEAR / 12): "month months mo mos",
    ("time", _YEAR): "year years yr yrs yo",
    ("time", 10 * _YEAR): "decade decades",
    ("time", 100 * _YEAR): "century centuries",
    ("length", 0.001): "mm millimeter millimeters millimetre millimetres",
    ("length", 0.01): "cm centimeter centimeters centimetre centimetres",
    ("length", 1.0): "m meter meters metre metres",
    ("length", 1000.0): "km kms kilometer kilometers kilometre kilometres",
    ("length", 0.0254): "inch inches",
    ("length", 0.3048): "ft foot feet",
    ("length", 0.9144): "yard yards yd yds",
    ("length", 1609.344): "mile miles mi",
    ("mass", 1e-6): "mcg microgram micrograms",
    ("mass", 0.001): "mg milligram milligrams",
    ("mass", 1.0): "g gram grams gramme grammes",
    ("mass", 1000.0): "kg kgs kilo kilos kilogram kilograms",
    ("mass", 1e6): "tonne tonnes",
    ("mass", 28.35): "oz ounce ounces",
    ("mass", 6350.3): "stone stones",
    ("volume", 0.001): "ml milliliter milliliters millilitre millilitres",
    ("volume", 0.01): "cl centiliter centiliters centilitre centilitres",
    ("volume", 0.1): "dl deciliter deciliters decilitre decilitres",
    ("volume", 1.0): "l liter liters litre litres",
    ("volume", 0.00493): "tsp teaspoon teaspoons",
    ("volume", 0.01479): "tbsp tablespoon tablespoons",
    ("volume", 0.2366): "cup cups",
    ("volume", 0.4732): "pint pints",
    ("volume", 0.9464): "quart quarts",
    ("volume", 3.785): "gallon gallons gal",
    ("area", 1.0): "sqm qm m²",
    ("area", 0.0929): "sqft",
    ("area", 4046.9): "acre acres",
    ("area", 10000.0): "hectare hectares ha",
    ("data", 1e3): "kb kilobyte kilobytes",
    ("data", 1e6): "mb megabyte megabytes",
    ("data", 1e9): "gb gigabyte gigabytes",
    ("data", 1e12): "tb terabyte terabytes",
    ("power", 1.0): "w watt watts",
    ("power", 1000.0): "kw kilowatt kilowatts",
    ("voltage", 1.0): "v volt volts",
    ("energy", 1.0): "kwh",
    ("speed", 1.0): "kmh kph",
    ("speed", 1.609344): "mph",
    ("celsius", 1.0): "celsius centigrade",
    ("fahrenheit", 1.0): "fahrenheit",
    ("kelvin", 1.0): "kelvin",
    ("percent", 0.01): "% percent pct",
    ("dollar", 1.0): "$ dollar dollars usd bucks",
    ("dollar", 0.01): "cent cents",
    ("euro", 1.0): "€ euro euros eur",
    # A pound is money or a weight; as both are written "pound", they are one unit here.
    ("pound", 1.0): "£ pound pounds gbp quid lb lbs",
    ("yen", 1.0): "¥ yen jpy yuan cny rmb",
    ("rupee", 1.0): "₹ rupee rupees inr rs",
    ("franc", 1.0): "franc francs chf",
    ("krone", 1.0): "krone kroner krona kronor nok sek dkk",
    ("crypto", 1.0): "btc bitcoin bitcoins",
    ("crypto", 2.0): "eth ethereum",
}
UNITS: dict[str, tuple[str, float]] = {
    word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()
}
CURRENCY_SIGNS = frozenset("$€£¥₹")
_MONEY = frozenset({"dollar", "euro", "pound", "yen", "rupee", "franc", "krone", "crypto"})
_HEAT = frozenset({"celsius", "fahrenheit", "kelvin"})
_NOT_ASKED_FOR = frozenset({"time", "percent"})
_EVERYDAY = frozenset({"foot", "yard", "yards", "stone", "stones", "quid", "bucks"})


def _named_units() -> Iterator[tuple[str, str, str]]:
    """Units that say something without a number ("how tall in feet"), as word, kind, unit."""
    for unit, words in _UNIT_WORDS.items():
        dimension = unit[0]
        kind = "money" if dimension in _MONEY else "heat" if dimension in _HEAT else dimension
        for word in words.split():
            spelled_out = len(word) > 2 and word not in _EVERYDAY
            if dimension not in _NOT_ASKED_FOR and (spelled_out or word in {"km", "kg"}):
                yield word, kind, str(unit)


# --- negation -------------------------------------------------------------------------------------

NEGATORS = _set(
    """not never no without cannot can't won't ain't neither nor isn't aren't wasn't weren't don't
    doesn't didn't haven't hasn't hadn't wouldn't couldn't shouldn't mustn't needn't
    cant wont aint isnt arent wasnt werent dont doesnt didnt havent hasnt hadnt wouldnt couldnt
    shouldnt mustnt neednt"""
)
# Words that say "not" in another way: with one of them a text counts as negated.
SOFT_NEGATORS = _set(
    """
    unable fail fails failed failing lack lacks lacking missing refuse refuses refused refusing
    stop stops stopped impossible instead avoid avoiding except excluding prevent preventing
    nothing none nobody non free rather less few little against hardly barely rarely non-existent
    forbidden skip skipping quit unless keep wrong isnot invalid absence absent unavailable
    inactive away broken incapable
    """
)
# "I'm not sure", "why not", "not only": nothing of the question is negated.
NOT_REALLY = _set(
    """
    sure only just know understand think mind idea matter problem wonder worry remember believe
    wait longer much many yet sex thank thanks
    """
)
SCOPE_ENDS = _set(". ! ? ; , but and or if when while because that which who so then")

# --- words without content ------------------------------------------------------------------------

STOPWORDS = _set("""
    a an the this that these those some any i me my mine we us our you your yours he him his she
    her it its they them their is are was were be been being am do does did doing done have has
    had having will would shall should can could may might must of in on at by for with about as
    into onto to from up out and or but if so than then there here what which who whom whose when
    where why how 's i'm i've it's what's that's he's she's there's who's where's how's i'd i'll
    you're please tell explain know want need like get got go going make just really very too also
    ever actually . ! ? ; , / %""")

# --- opposites: "left | right", one pair to a line, every word inflected --------------------------

_OPPOSITE_VERBS = """
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

_OPPOSITE_ADJECTIVES = """
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

_OPPOSITE_WORDS = """
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
PARTICLES: tuple[tuple[frozenset[str], str, str], ...] = (
    (_set("turn turns turned turning switch switched switching power toggle"), "on", "off"),
    (_set("log logged logging sign signed signing check checked checking opt clock"), "in", "out"),
    (_set("go going walk walking turn scroll scale scaling move moving"), "up", "down"),
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


def _opposites() -> dict[str, tuple[int, ...]]:
    """Every inflected word with the sides it stands for: +n is the left of pair n, -n its right."""
    sides: dict[str, set[int]] = {}
    number = 0
    for block, forms in (
        (_OPPOSITE_VERBS, _verb_forms),
        (_OPPOSITE_ADJECTIVES, _adjective_forms),
        (_OPPOSITE_WORDS, lambda word: [word]),
    ):
        for line in block.strip().splitlines():
            number += 1
            for sign, words in zip((number, -number), line.split("|"), strict=True):
                for word in words.split():
                    for form in forms(word):
                        sides.setdefault(form, set()).add(sign)
    return {word: tuple(sorted(found)) for word, found in sides.items()}


OPPOSITES = _opposites()

# --- direction ------------------------------------------------------------------------------------

# Words that join two things as equals: exchanging what stands around them changes nothing.
SYMMETRIC = _set("and or vs versus between with & nor but , / . ! ? ;")
# Words left out when two texts are laid side by side.
FILLERS = _set("a an the my your our his her their this that . ! ? , ;")

# --- dates ----------------------------------------------------------------------------------------

# Short forms that are everyday words (sun, sat, mar) are left out. "May" and "march" are safe: two
# different dates of one kind are needed for an objection.
_WEEKDAYS = "monday tuesday=tue=tues wednesday thursday=thu=thur=thurs friday=fri saturday sunday"
_MONTHS = """january=jan february=feb march april=apr may june=jun july=jul august=aug
    september=sep=sept october=oct november=nov december=dec"""
_FEASTS = "christmas=xmas easter halloween thanksgiving ramadan"


def _dates() -> Iterator[tuple[str, tuple[str, str]]]:
    for kind, entries in (("weekday", _WEEKDAYS), ("month", _MONTHS), ("feast", _FEASTS)):
        for entry in entries.split():
            name, *short = entry.split("=")
            for word in (name, name + "s", *short):
                yield word, (kind, name)


DATES: dict[str, tuple[str, str]] = dict(_dates())

# --- named things ---------------------------------------------------------------------------------

# kind -> names of things of which a question is about one; "a=b" are two ways to say the same.
_NAMES = {
    "place": """
    afghanistan albania algeria argentina argentine=argentina argentinian=argentina australia
    australian=australia austria austrian=austria bangladesh belgium belgian=belgium bolivia
    brazil brazilian=brazil bulgaria bulgarian=bulgaria cambodia cameroon canada canadian=canada
    chile china chinese=china colombia croatia cuba cyprus czechia czech=czechia denmark
    danish=denmark ecuador egypt egyptian=egypt england english=england british=uk britain=uk
    estonia ethiopia finland finnish=finland france french=france germany german=germany
    germans=germany ghana greece greek=greece hungary hungarian=hungary iceland india indian=india
    indians=india indonesia iran iraq ireland irish=ireland israel italy italian=italy jamaica
    japan japanese=japan kenya korea korean=korea kuwait latvia lebanon libya lithuania luxembourg
    malaysia malta mexico mexican=mexico morocco myanmar nepal netherlands dutch=netherlands
    nigeria nigerian=nigeria norway norwegian=norway oman pakistan pakistani=pakistan panama peru
    philippines filipino=philippines poland polish=poland portugal portuguese=portugal qatar
    romania russia russian=russia rwanda scotland scottish=scotland senegal serbia singapore
    slovakia slovenia somalia spain spanish=spain sudan sweden swedish=sweden switzerland
    swiss=switzerland syria taiwan tanzania thailand thai=thailand tunisia turkish=turkey uganda
    ukraine ukrainian=ukraine uruguay uk usa american=usa americans=usa venezuela vietnam
    vietnamese=vietnam wales welsh=wales yemen zambia zimbabwe europe european=europe asia
    asian=asia africa african=africa antarctica amsterdam athens atlanta bangalore bangkok
    barcelona beijing berlin bogota boston brussels budapest cairo calgary chennai chicago cologne
    copenhagen dallas delhi denver detroit dubai dublin edinburgh florence frankfurt geneva
    hamburg hanoi helsinki houston hyderabad istanbul jakarta karachi kolkata krakow kyiv kyoto
    lagos lisbon london lyon madrid manchester manila melbourne miami milan montreal moscow mumbai
    munich nairobi naples nyc osaka oslo paris philadelphia porto prague pune rome santiago
    seattle seoul shanghai stockholm stuttgart sydney tokyo toronto valencia vancouver venice
    vienna warsaw zurich alabama alaska arizona arkansas california colorado connecticut florida
    hawaii idaho illinois indiana iowa kansas kentucky louisiana maryland massachusetts michigan
    minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania
    tennessee texas utah vermont virginia wisconsin wyoming bavaria bihar catalonia gujarat kerala
    punjab queensland quebec tuscany""",
    "language": """
    python java javascript js=javascript typescript ts=typescript golang rust kotlin ruby
    perl php haskell scala julia fortran cobol matlab bash powershell lua erlang elixir clojure
    c++ c#""",
    "database": """
    mysql postgres postgresql=postgres sqlite mongodb mongo=mongodb redis oracle mariadb cassandra
    dynamodb elasticsearch snowflake bigquery""",
    "framework": """
    django flask fastapi rails laravel spring react angular vue svelte pytorch tensorflow keras
    pandas polars numpy spark""",
    "platform": """
    windows macos mac=macos linux ubuntu debian fedora android ios chromeos""",
    "device": "iphone ipad macbook pixel galaxy kindle playstation xbox chromebook laptop tablet",
    "cloud": "aws azure gcp heroku vercel netlify digitalocean cloudflare",
    "tool": "docker kubernetes podman git svn npm yarn pnpm pip conda maven gradle vim emacs",
    "company": """
    google microsoft apple amazon facebook meta=facebook netflix tesla toyota honda bmw audi
    mercedes volkswagen nissan hyundai samsung sony nokia motorola huawei xiaomi intel amd nvidia
    ibm infosys tcs wipro accenture deloitte uber lyft airbnb walmart ikea starbucks adidas nike
    puma paypal stripe revolut monzo visa mastercard amex ryanair easyjet lufthansa""",
    "app": """
    instagram twitter snapchat whatsapp tiktok linkedin pinterest tumblr reddit quora youtube
    telegram skype zoom teams slack discord gmail outlook hotmail spotify tinder kik messenger
    wordpress""",
    "file": "csv json xml yaml pdf docx xlsx parquet html markdown png jpeg jpg=jpeg gif svg wav",
    "planet": "mercury venus earth mars jupiter saturn uranus neptune pluto",
    "colour": "red blue green yellow black white purple pink brown grey gray=grey",
    "sport": """
    football soccer basketball baseball tennis badminton squash cricket rugby hockey golf volleyball
    handball swimming boxing wrestling skiing snowboarding cycling surfing""",
    "pet": "dog dogs=dog puppy=dog cat cats=cat kitten=cat hamster rabbit horse parrot goldfish",
    "faith": """
    christian christianity=christian christians=christian muslim islam=muslim muslims=muslim hindu
    hinduism=hindu hindus=hindu jewish judaism=jewish jews=jewish buddhist buddhism=buddhist""",
    "drink": "coffee tea beer wine vodka whisky whiskey=whisky rum gin milk juice water",
    "food": """
    chicken beef pork lamb fish salmon tuna turkey tofu rice pasta noodles potato potatoes=potato
    quinoa lentils chickpeas beans banana orange mango lemon strawberry
    tomato onion garlic carrot spinach broccoli cheese butter margarine yogurt""",
    "drug": """
    aspirin ibuprofen paracetamol acetaminophen=paracetamol tylenol=paracetamol advil=ibuprofen
    naproxen metformin insulin penicillin amoxicillin prednisone xanax zoloft prozac lexapro
    adderall ritalin codeine tramadol morphine claritin zyrtec benadryl""",
    "organ": """
    knee ankle wrist elbow shoulder hip neck ear eye nose throat tongue liver kidney lung heart
    brain stomach ovary prostate thyroid breast toe thumb hand leg arm""",
}
_NAMED = {
    word: (kind, same or word)
    for kind, words in _NAMES.items()
    for word, _, same in (entry.partition("=") for entry in words.split())
}
NAMES: dict[str, tuple[str, str]] = {
    **{word: (kind, unit) for word, kind, unit in _named_units()},
    **_NAMED,
}

# --- who speaks, in which language, and how the question is put -----------------------------------

PERSONAL = _set("i i'm i've i'd im ive me my")
ENGLISH = _set("the what how is are does which who why where when should of my can you your with")
QUESTION_WORDS = _set(
    """how what which when where why who whom whose what's whats how's where's who's when's why's
    hows"""
)
AUXILIARIES = _set("is are do does can could should will would has have did was were am may")
CLAUSE_STARTS = _set(". ! ? ; , and or but so")
