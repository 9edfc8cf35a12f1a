"""Languages besides English: what turns a question round in each of them, and what does not."""

from __future__ import annotations

import math

import pytest

from langchain_redis_semcache.guards import DEFAULT_GUARDS, objection
from langchain_redis_semcache.guards.languages import language_of, segmented
from langchain_redis_semcache.guards.reading import read

from .material import Table, cases

# Negation, opposites, with and without, before and after, direction, quantifiers, scope, numbers.
VETOED: Table = {
    "de": [
        ("Welche Planeten haben Ringe?", "Welche Planeten haben keine Ringe?"),
        ("Wie aktiviere ich den Flugmodus?", "Wie deaktiviere ich den Flugmodus?"),
        ("Pizza mit Zwiebeln", "Pizza ohne Zwiebeln"),
        ("Wie öffne ich die Datei?", "Wie schließe ich die Datei?"),
        ("Was soll ich vor dem Training essen?", "Was soll ich nach dem Training essen?"),
        ("Wie komme ich von Bonn nach Trier?", "Wie komme ich von Trier nach Bonn?"),
        ("Sind alle Pilze giftig?", "Sind einige Pilze giftig?"),
        ("Ist das Museum sonntags geöffnet?", "Ist das Museum nur sonntags geöffnet?"),
        ("Wie schalte ich das Licht ein?", "Wie schalte ich das Licht aus?"),
        ("Was ist der billigste Flug?", "Was ist der teuerste Flug?"),
        ("Was kostet ein Zimmer für zwei Personen?", "Was kostet ein Zimmer für drei Personen?"),
    ],
    "fr": [
        ("Quels fruits contiennent du sucre ?", "Quels fruits ne contiennent pas de sucre ?"),
        ("Comment activer le mode avion ?", "Comment désactiver le mode avion ?"),
        ("une pizza avec des oignons", "une pizza sans oignons"),
        ("Que manger avant le sport ?", "Que manger après le sport ?"),
        ("Que lire avant un examen ?", "Que lire après un examen ?"),
        ("un train de Lyon à Nice", "un train de Nice à Lyon"),
        ("Est-ce que tous les chats dorment ?", "Est-ce que certains chats dorment ?"),
        ("Est-ce ouvert le dimanche ?", "Est-ce seulement ouvert le dimanche ?"),
        ("Quel est le vol le plus cher ?", "Quel est le vol le moins cher ?"),
        ("L'hôtel est-il ouvert en été ?", "L'hôtel est-il fermé en été ?"),
        ("Une chambre pour deux personnes", "Une chambre pour trois personnes"),
    ],
    "es": [
        ("¿Qué planetas tienen anillos?", "¿Qué planetas no tienen anillos?"),
        ("¿Cómo activo el modo avión?", "¿Cómo desactivo el modo avión?"),
        ("una pizza con cebolla para mí", "una pizza sin cebolla para mí"),
        ("¿Qué como antes de entrenar?", "¿Qué como después de entrenar?"),
        ("¿Cómo voy de Toledo a Cuenca?", "¿Cómo voy de Cuenca a Toledo?"),
        ("¿Son venenosas todas las setas?", "¿Son venenosas algunas setas?"),
        ("¿Está abierto los lunes?", "¿Solo está abierto los lunes?"),
        ("¿Cuál es el vuelo más caro?", "¿Cuál es el vuelo más barato?"),
        ("¿Dónde compro oro en Lima?", "¿Dónde vendo oro en Lima?"),
        ("¿Sube el precio este mes?", "¿Baja el precio este mes?"),
        ("una mesa para dos personas hoy", "una mesa para tres personas hoy"),
    ],
    "pt": [
        ("Quais planetas têm anéis?", "Quais planetas não têm anéis?"),
        ("Como eu ativo o modo avião?", "Como eu desativo o modo avião?"),
        ("Como ativo o modo escuro?", "Como desativo o modo escuro?"),
        ("uma pizza com cebola", "uma pizza sem cebola"),
        ("O que devo comer antes do treino?", "O que devo comer depois do treino?"),
        ("Como vou de Braga para Faro, em trem?", "Como vou de Faro para Braga, em trem?"),
        ("Todas as aranhas são venenosas?", "Algumas aranhas são venenosas?"),
        ("O museu está aberto aos domingos?", "O museu só está aberto aos domingos?"),
        ("Qual é o voo mais caro?", "Qual é o voo mais barato?"),
        ("Minha loja está aberta?", "Minha loja está fechada?"),
        ("uma mesa para duas pessoas", "uma mesa para quatro pessoas"),
    ],
    "it": [
        ("Chi è il miglior medico?", "Chi è il peggior medico?"),
        ("Quali pianeti hanno anelli?", "Quali pianeti non hanno anelli?"),
        ("Come si attiva la modalità aereo?", "Come si disattiva la modalità aereo?"),
        ("una pizza con la cipolla per me", "una pizza senza la cipolla per me"),
        ("Cosa posso mangiare prima della corsa?", "Cosa posso mangiare dopo la corsa?"),
        ("un treno da Pisa a Siena per due", "un treno da Siena a Pisa per due"),
        ("Tutti i funghi sono velenosi?", "Alcuni funghi sono velenosi?"),
        ("Il museo è aperto la domenica?", "Il museo è aperto solo la domenica?"),
        ("Qual è il volo più caro?", "Qual è il volo più economico?"),
        ("L'albergo è aperto d'estate?", "L'albergo è chiuso d'estate?"),
        ("un tavolo per due persone", "un tavolo per cinque persone"),
    ],
    "zh": [
        ("如何开启飞行模式?", "如何关闭飞行模式?"),
        ("哪些水果含糖", "哪些水果不含糖"),
        ("饭前可以吃药吗", "饭后可以吃药吗"),
        ("从北京到上海的火车", "从上海到北京的火车"),
        ("所有蘑菇都有毒吗", "有些蘑菇都有毒吗"),
        ("最便宜的手机是什么", "最贵的手机是什么"),
        ("房子应该买入吗", "房子应该卖出吗"),
        ("周一开门吗", "周二开门吗"),
        ("跑步之前要喝水吗", "跑步之后要喝水吗"),
        ("如何导入联系人", "如何导出联系人"),
    ],
}

SAME: Table = {
    "de": [
        ("Wie lösche ich mein Konto?", "Wie kann ich mein Konto löschen?"),
        ("Ist die Miete zu hoch?", "Ist meine Miete zu hoch?"),
        ("Mein Drucker druckt nicht", "Warum druckt mein Drucker nicht?"),
        ("Von Bonn nach Trier, wie lange?", "Wie lange dauert es von Bonn nach Trier?"),
    ],
    "fr": [
        ("Comment supprimer mon compte ?", "Comment puis-je supprimer mon compte ?"),
        ("Ma voiture ne démarre pas", "Pourquoi ma voiture ne démarre pas ?"),
        ("Où est l'hôtel de ville ?", "Où se trouve l'hôtel de ville ?"),
    ],
    "es": [
        ("¿Cómo borro mi cuenta?", "¿Cómo puedo borrar mi cuenta?"),
        ("Mi coche no arranca", "¿Por qué no arranca mi coche?"),
        ("¿Cuál es la capital de Chile?", "Dime cuál es la capital de Chile"),
    ],
    "pt": [
        ("Como apago minha conta?", "Como posso apagar a minha conta?"),
        ("Meu carro não liga", "Por que meu carro não liga?"),
        ("Qual é a capital do Chile?", "Me diga qual é a capital do Chile"),
    ],
    "it": [
        ("Come cancello il mio account?", "Come posso cancellare il mio account?"),
        ("La mia auto non parte", "Perché la mia auto non parte?"),
        ("Qual è la capitale del Cile?", "Dimmi qual è la capitale del Cile"),
    ],
    "zh": [
        ("怎么煮鸡蛋", "如何煮鸡蛋?"),
        ("我的电脑打不开了", "为什么我的电脑打不开"),
        ("法国的首都是哪里", "请问法国的首都是哪里?"),
    ],
}


@pytest.mark.parametrize(("language", "asked", "cached"), cases(VETOED))
def test_veto(language: str, asked: str, cached: str) -> None:
    """In every language that has a folder the usual reversals make another question."""
    assert objection(asked, cached, DEFAULT_GUARDS)[0] == math.inf
    assert objection(cached, asked, DEFAULT_GUARDS)[0] == math.inf


@pytest.mark.parametrize(("language", "asked", "cached"), cases(SAME))
def test_no_objection(language: str, asked: str, cached: str) -> None:
    """Another wording in the same language is served."""
    assert objection(asked, cached, DEFAULT_GUARDS) == (0.0, None)
    assert objection(cached, asked, DEFAULT_GUARDS) == (0.0, None)


@pytest.mark.parametrize(("language", "asked", "cached"), cases(VETOED) + cases(SAME))
def test_language(language: str, asked: str, cached: str) -> None:
    """The language of a pair is seen from the frequent words of both."""
    assert language_of(read(asked).words | read(cached).words) == language


@pytest.mark.parametrize(
    "text", ["python read json file", "Best pizza Chicago", "", "как сварить борщ", "東京の人口は"]
)
def test_no_language(text: str) -> None:
    """A text that shows no language is read as English."""
    assert language_of(frozenset(text.split())) == "en"


def test_words_without_spaces() -> None:
    """Chinese is cut into the longest words that are known, elided articles are cut off."""
    assert segmented(["如何开启蓝牙"], "zh") == ["如何", "开启", "蓝", "牙"]
    assert segmented(["l'hôtel", "d'aujourd'hui"], "fr") == ["l", "hôtel", "d", "aujourd'hui"]
    assert segmented(["don't"], "en") == ["don't"]
