"""What objects to a candidate, read from the words of two questions; pure."""

from .form_guard import form
from .function_guards import scope, tense
from .instruction_guard import instructions
from .number_guard import numbers
from .objections import DEFAULT_GUARDS, Guard, objection
from .relation_guards import direction, negation, opposites
from .script_guard import script
from .template_guard import template
from .thing_guards import dates, identifiers, names, quotes
from .word_guard import words

__all__ = [
    "DEFAULT_GUARDS",
    "Guard",
    "dates",
    "direction",
    "form",
    "identifiers",
    "instructions",
    "names",
    "negation",
    "numbers",
    "objection",
    "opposites",
    "quotes",
    "scope",
    "script",
    "template",
    "tense",
    "words",
]
