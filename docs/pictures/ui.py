"""Draws `ui-light.png` and `ui-dark.png`: the page of `semcache ui` after some traffic.

    python docs/pictures/ui.py

Needs playwright, chromium, and the extras `cli` and `embedded`. Questions and answers are made up;
the server, the embeddings, the distances and the page are real.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration
from playwright.sync_api import sync_playwright

from langchain_redis_semcache import DistancePolicy, Recording, RedisSemanticCache
from langchain_redis_semcache.embedded import EmbeddedRedis, LocalEmbeddings

HERE = Path(__file__).parent
TOPICS = {
    "reset my password": "Open Settings, then Security, and choose “Reset password”.",
    "get a refund": "Within 30 days: open the order and choose “Send back”.",
    "change the delivery address": "Until the parcel is packed, in the order's details.",
    "pay by invoice": "Companies can, after a check that takes a day.",
    "track my parcel": "Follow the link in the mail that said it was sent.",
    "cancel my subscription": "In your account under “Plan”; it ends with the month.",
}
WORDINGS = (
    "How do I {}?",
    "How can I {}?",
    "What do I have to do to {}?",
    "Please tell me how to {}.",
    "I would like to {}, how does it work?",
    "hi, how do i {} ???",
    "Can you explain how I can {} here?",
)
STRANGE = "How do I write <script>alert('hello')</script> into my address?"
STRANGE_REWORDED = "How can I write <script>alert('hello')</script> into my address?"
LLM = "[('model_name', 'gpt-4o-mini')]"


def ask(cache: RedisSemanticCache, question: str, answer: str) -> None:
    prompt = dumps([HumanMessage(question)])
    if cache.lookup(prompt, LLM) is None:
        cache.update(prompt, LLM, [ChatGeneration(message=AIMessage(answer))])


def traffic(url: str) -> None:
    """Ask as users would: the same things in other words, some of them often."""
    chance = random.Random(3)
    policy = DistancePolicy(0.45, {})
    cache = RedisSemanticCache(
        LocalEmbeddings(), url, name="support", policy=policy, recording=Recording(share=1)
    )
    for topic, answer in TOPICS.items():
        ask(cache, WORDINGS[0].format(topic), answer)
    wanted = [w.format(topic) for topic, w in itertools.product(TOPICS, WORDINGS)]
    for question in chance.choices(wanted, k=400):
        ask(cache, question, "")
    ask(cache, STRANGE, "Addresses take letters, digits and spaces; <b>markup</b> stays text.")
    ask(cache, STRANGE_REWORDED, "")
    cache.totals()  # counts are told
    while sum(1 for _ in cache.recorded()) < 380:  # recorded behind the calls
        time.sleep(0.05)
    cache.close()


def main() -> None:
    with EmbeddedRedis() as server, tempfile.TemporaryDirectory() as folder:
        traffic(server.url)
        program = subprocess.Popen(
            [sys.executable, "-m", "langchain_redis_semcache", "ui", "--json", "--name", "support"],
            env={**os.environ, "REDIS_URL": server.url, "PYTHONPATH": str(HERE.parents[1])},
            stdout=subprocess.PIPE,
            cwd=folder,
            text=True,
        )
        link = json.loads(program.stdout.readline())["link"]  # type: ignore[union-attr]
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = chromium.new_page(viewport={"width": 1100, "height": 1150})
            page.goto(link)
            page.locator("article").nth(2).get_by_role("button", name="Right").click()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=HERE / f"ui-{scheme}.png")
            chromium.close()
        program.send_signal(signal.SIGINT)
        program.wait(10)


if __name__ == "__main__":
    main()
