"""Documents with an order to a model somewhere in them, and how tools show documents."""

import json
import random
from collections.abc import Callable, Sequence

from training.injection.forms import made
from training.injection.phrases import Phrases, languages
from training.injection.sources import Text

_FRAMES: Sequence[str] = (
    "{}", "{}", "{}", "{}", "<!-- {} -->", "[{}]", "\n\n{}\n\n", "\n> {}\n", "* {}", "NOTE: {}",
    "<INFORMATION> {} </INFORMATION>", "{} Thank you.", '<span style="display:none">{}</span>',
    "TODO: {}", "P.S. {}", "\n---\n{}\n---\n", "<system>{}</system>", "// {}", "# {}",
)  # fmt: skip


def order(
    draw: random.Random, known: Sequence[str], goals: Sequence[str], asked: Sequence[str]
) -> str:
    """What a document may tell a model to do: known attacks, goals of attackers, made ones, and what
    users ask for, which is none of a document's business.
    """
    kind = draw.random()
    if kind < 0.25:
        return draw.choice(known)
    english = Phrases("en", draw)
    if kind < 0.32:
        return f"{draw.choice((english.one('override'), english.one('fake'), 'IMPORTANT!', ''))} {draw.choice(goals)}".strip()
    if kind < 0.48:
        return made("orders", draw)
    if kind < 0.54 and asked:
        return draw.choice(asked)
    if kind < 0.74:
        return english.order()
    if kind < 0.84:
        return f"{english.one('override')} {english.one('doc' if draw.random() < 0.5 else 'task')}"
    other = Phrases(draw.choice(list(languages())), draw)
    return f"{other.one('override')} {other.one('task')}" if draw.random() < 0.3 else other.order()


def carried(phrases: Phrases, draw: random.Random, *, attack: bool) -> Text:
    """A short document of any kind, with an order to a model in it or one more thing that it tells
    people.
    """
    said = phrases.order() if attack else phrases.told()
    frame = phrases.carrier()
    if frame.startswith("{") and not frame.startswith("{ "):
        said = json.dumps(said, ensure_ascii=False)[1:-1]
    start = frame.index("§")
    whole = frame.replace("§", said)
    span = (start, start + len(said)) if attack else None
    return Text(whole, int(attack), "made", "", "document", span)


def injected(text: Text, said: str, draw: random.Random) -> Text:
    """`said` put at the start, the end, or between two lines or sentences."""
    framed = draw.choice(_FRAMES).format(said)
    where = draw.random()
    if where < 0.25:
        place = 0
    elif where < 0.55:
        place = len(text.text)
    else:
        cuts = [n + 1 for n, sign in enumerate(text.text[:-1]) if sign in "\n.|。"]
        place = draw.choice(cuts) if cuts else len(text.text)
    before, after = text.text[:place], text.text[place:]
    joint = "" if not before or before[-1].isspace() else draw.choice((" ", "\n"))
    start = len(before) + len(joint)
    whole = f"{before}{joint}{framed}{' ' if after[:1].strip() else ''}{after}"
    return Text(whole, 1, text.source, text.group, "document", (start, start + len(framed)))


def shown(text: Text, draw: random.Random) -> Text:
    """A document as a tool answers with it: a field of JSON, a line of a list."""
    show: Callable[[str], str] = draw.choice((
        lambda t: json.dumps({"id": draw.randrange(1_000), "body": t}, ensure_ascii=False),
        lambda t: json.dumps([{"title": "Result", "snippet": t, "score": round(draw.random(), 2)}]),
        lambda t: f"- sender: {draw.choice(('ann', 'tom', 'info'))}@example.com\n  body: {t}\n  read: true",
        lambda t: f"Result 1 of {draw.randrange(1, 9)}:\n{t}",
    ))  # fmt: skip
    if text.attack is None:
        return Text(show(text.text), text.label, text.source, text.group, "document")
    # Escapes move what stands behind them, so the three parts are looked for one by one.
    start, end = text.attack
    whole = show(text.text)
    inner = show(text.text[start:end])
    core = text.text[start:end] if text.text[start:end] in whole else _common(inner, whole)
    place = whole.find(core)
    span = (place, place + len(core)) if core and place >= 0 else None
    return Text(whole, text.label, text.source, text.group, "document", span)


def _common(inner: str, whole: str) -> str:
    """The longest stretch of the shown order that the shown document holds, by halves."""
    start, end = 0, len(inner)
    while end - start > 20 and inner[start:end] not in whole:
        start, end = start + max(1, (end - start) // 20), end - max(1, (end - start) // 20)
    return inner[start:end] if inner[start:end] in whole else ""
