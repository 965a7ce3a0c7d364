"""Prompts put together from several phrases: pages and notes that a user pastes, questions in a row,
questions with answers. Attacks and harmless texts have the same form and differ in one sentence.
"""

import random
from collections.abc import Callable, Sequence

from training.injection.phrases import Phrases, languages

ASKS: dict[str, Sequence[str]] = {
    "en": ("Summarise this webpage:", "What does this text say?", "What is the output of this code?",
           "What are the main points of this paper:", "Write an e-mail based on this CV:",
           "Translate the following:", "What is the sum of this table:", "Proofread this:"),
    "de": ("Fasse diese Seite zusammen:", "Was steht in diesem Text?", "Korrigiere das:"),
    "es": ("Resume esta página web:", "¿Qué dice este texto?", "¿Cuál es la salida de este código:"),
    "fr": ("Résumez cette page web :", "Que dit ce texte ?", "Corrigez ceci :"),
    "it": ("Riassumi questa pagina:", "Che cosa dice questo testo?"),
    "pt": ("Resuma esta página:", "O que diz este texto?"),
    "ru": ("Кратко изложи эту страницу:", "О чём этот текст?"),
    "ar": ("لخص هذه الصفحة:", "ماذا يقول هذا النص؟"),
    "hi": ("इस वेबपेज का सारांश दें:", "इस पाठ में क्या लिखा है?"),
    "bn": ("এই পাতার সারাংশ দাও:", "এই লেখায় কী আছে?"),
    "zh": ("总结这个网页：", "这段文字说了什么？"),
    "ja": ("このページを要約して:", "この文章は何と言っていますか?"),
    "ko": ("이 웹페이지를 요약해 줘:", "이 글은 무슨 내용이야?"),
    "th": ("สรุปหน้าเว็บนี้:", "ข้อความนี้ว่าอะไร"),
    "tr": ("Bu sayfayı özetle:", "Bu metin ne diyor?"),
    "vi": ("Tóm tắt trang web này:", "Văn bản này nói gì?"),
    "id": ("Ringkas halaman ini:", "Apa isi teks ini?"),
    "tl": ("Ibuod ang pahinang ito:", "Ano ang sinasabi ng tekstong ito?"),
}  # fmt: skip

_PAGES: Sequence[str] = (
    "'<html><head><title>{0}</title></head><body><p>{0}</p><!-- {1} --></body></html>'",
    "'<html><body><h1>{0}</h1><img src=\"a.png\" alt=\"{1}\"><p>{2}</p></body></html>'",
    "\"{0} {2} {1}\"", "\n---\n{0}\n{1}\n{2}\n---", "\"\"\"{0}\n\n{1}\"\"\"",
    "<code>def total(rows):\n    # {1}\n    return sum(rows)</code>",
    "<table><tr><td>{0}</td><td>120</td></tr><tr><td>{1}</td><td>7</td></tr></table>",
)  # fmt: skip

_TURNS: Sequence[tuple[str, str]] = (
    ("Q: {}", "A: {}"),
    ("User: {}", "Assistant: {}"),
    ("P: {}", "R: {}"),
    ("- {}", "> {}"),
    ("1) {}", "2) {}"),
)


def asked(text: str, language: str, draw: random.Random) -> str:
    """A document and what a user wants done with it, before or behind it, or nothing."""
    ask = draw.choice(ASKS.get(language, ASKS["en"]))
    place = draw.random()
    if place < 0.5:
        return f"{ask}{draw.choice((' ', chr(10), chr(10) * 2))}{text}"
    return f"{text}\n\n{ask}" if place < 0.7 else text


def pasted(phrases: Phrases, language: str, draw: random.Random, *, attack: bool) -> str:
    """A page that a user wants read, with an order in it or with one more harmless sentence."""
    ask = draw.choice(ASKS.get(language, ASKS["en"]))
    if attack:
        hidden = draw.choice((
            lambda: f"{phrases.one('override')} {phrases.one('task')}",
            lambda: f"{phrases.one('override')} {phrases.one('secret')}",
            phrases.order, phrases.order,
        ))()  # fmt: skip
    else:
        hidden = phrases.one(draw.choice(("mail", "near", "benign", "told", "told")))
    return f"{ask} {draw.choice(_PAGES).format(phrases.one('mail'), hidden, phrases.one('benign'))}"


def chained(phrases: Phrases, draw: random.Random, *, attack: bool) -> str:
    """Several questions in a row, some with answers; in an attack one of them asks for what is
    hidden.
    """
    said = [phrases.one(draw.choice(("benign", "near", "task"))) for _ in range(draw.randint(2, 5))]
    if attack:
        wanted = phrases.one(draw.choice(("secret", "secret", "reveal")))
        said.insert(draw.randint(1, len(said)), wanted)
    if draw.random() < 0.6:
        return " ".join(said)
    asked, answered = draw.choice(_TURNS)
    lines = [
        line for each in said for line in (asked.format(each), answered.format(phrases.one("mail")))
    ]
    return draw.choice((" ", "\n")).join(lines[:-1])


def crossed(draw: random.Random, *, attack: bool) -> str:
    """Two languages in one prompt: a question in one, an order or a second question in the other."""
    first, second = (Phrases(draw.choice(list(languages())), draw) for _ in range(2))
    if not attack:
        return f"{first.benign()} {second.benign()}"
    put: Callable[[], str] = draw.choice((
        lambda: f"{first.benign()} {second.one('override')} {second.one('task')}",
        lambda: f"{first.one('override')} {second.one('task')}",
        lambda: f"{first.benign()} {second.one('reveal')}",
        lambda: f"{first.one('role')} {second.one('task')}",
    ))  # fmt: skip
    return put()
