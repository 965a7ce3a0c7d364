"""Invented values of each kind, in the forms of many countries, drawn by Faker (MIT)."""

import random
from collections.abc import Callable
from typing import Any

from faker import Faker

LOCALES = {
    "en": ("en_US", "en_GB", "en_CA", "en_AU", "en_IN", "en_IE"),
    "de": ("de_DE", "de_AT", "de_CH"), "fr": ("fr_FR", "fr_CA"), "es": ("es_ES", "es_MX"),
    "it": ("it_IT",), "pt": ("pt_BR", "pt_PT"), "nl": ("nl_NL", "nl_BE"),
    "": ("sv_SE", "da_DK", "pl_PL", "cs_CZ", "fi_FI", "hu_HU", "no_NO", "tr_TR", "sl_SI", "ro_RO",
         "hr_HR", "et_EE", "el_GR", "id_ID", "vi_VN", "ru_RU"),
}  # fmt: skip
TITLES = {
    "en": "Mr Mrs Ms Dr Prof Sir Miss Mr. Mrs. Ms. Dr. Prof. Rev. Lord", "de": "Herr Frau Herrn Dr. Prof.",
    "fr": "M. Mme Mlle Dr Me Monsieur Madame", "es": "Sr. Sra. D. Dña. Dr. Dra. don doña",
    "it": "Sig. Sig.ra Dott. Dott.ssa Avv. signor signora", "pt": "Sr. Sra. Dr. Dra. dona",
    "nl": "dhr. mevr. dr. meneer mevrouw",
}  # fmt: skip
PEOPLES = {
    "en": "German French Swedish Indian Kenyan American British Turkish Polish Dutch Mexican Chinese Jewish "
    "Muslim Catholic Hindu Buddhist Republican Democrat Syrian Iraqi Danish Finnish Greek Irish Italian Korean "
    "Nigerian Norwegian Pakistani Portuguese Romanian Russian Scottish Spanish Swiss Thai Ukrainian Welsh "
    "Vietnamese Argentinian Brazilian Canadian Egyptian Filipino Hungarian Icelandic Jamaican Latvian Maltese "
    "Protestant Sikh Serbian Slovak Chilean Cuban Afghan Albanian Australian Austrian Belgian Bolivian",
    "de": "deutsch französisch türkisch polnisch italienisch spanisch syrisch russisch griechisch",
    "fr": "français allemand italien espagnol suisse belge marocain algérien tunisien polonais",
    "es": "español alemana francesa mexicano chileno peruano argentino cubano inglés marroquí",
    "it": "italiano tedesca francese spagnola rumeno albanese inglese greco polacca",
    "pt": "português brasileira angolano alemã francesa espanhol inglês italiana",
    "nl": "Nederlands Belgisch Duits Frans Turks Marokkaans Surinaams Pools",
}  # fmt: skip
WORDS = ["blue", "north", "data", "cloud", "green", "link", "net", "bright", "peak", "nova", "stone", "river", "sun", "light", "open", "quick", "smart", "true", "wave", "wise", "health", "care", "trade", "build", "farm", "food", "press", "media", "soft", "tech", "lab", "works", "point", "bridge", "gate", "crest", "field", "well", "spring", "ocean", "metro", "urban", "civic", "legal", "credit", "vision", "core", "pulse", "spark"]  # fmt: skip
TAILS = ("Inc", "Inc.", "LLC", "Ltd", "Ltd.", "Corp.", "Group", "Partners", "Holdings", "University",
         "Bank", "Foundation", "Institute", "Hospital", "Research", "& Co", "Systems", "Labs", "Global",
         "Insurance", "Airlines", "Museum", "College", "Media", "Solutions", "Association", "School")  # fmt: skip
CITIES = ["London", "Paris", "Berlin", "Madrid", "Rome", "Lisbon", "Amsterdam", "Vienna", "Zurich", "Munich", "Hamburg", "Lyon", "Marseille", "Milan", "Naples", "Turin", "Seville", "Valencia", "Porto", "Rotterdam", "Utrecht", "Brussels", "Antwerp", "Dublin", "Glasgow", "Leeds", "Bristol", "Boston", "Chicago", "Denver", "Seattle", "Houston", "Dallas", "Miami", "Atlanta", "Toronto", "Montreal", "Vancouver", "Sydney", "Melbourne", "Perth", "Auckland", "Tokyo", "Seoul", "Beijing", "Shanghai", "Singapore", "Mumbai", "Delhi", "Lagos", "Nairobi", "Cairo", "Istanbul", "Athens", "Warsaw", "Prague", "Budapest", "Stockholm", "Oslo", "Copenhagen", "Helsinki", "Texas", "California", "Europe", "Africa", "Asia", "Florida", "Bavaria", "Scotland", "Manchester"]  # fmt: skip
KINDS = {
    "P": "PERSON", "F": "PERSON", "L": "PERSON", "O": "ORGANIZATION", "C": "LOCATION", "N": "LOCATION",
    "S": "LOCATION", "A": "ADDRESS", "Z": "ZIP", "G": "AGE", "R": "NRP", "T": "TITLE", "J": "TITLE",
    "D": "DATE", "H": "PHONE", "U": "URL", "M": "", "K": "", "I": "", "#": "",
}  # fmt: skip


class Fillers:
    """Values drawn by one generator, so that a seed gives the same ones."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._fakers = {name: Faker(name) for names in LOCALES.values() for name in names}
        for number, each in enumerate(self._fakers.values()):
            each.seed_instance(draw.randrange(1 << 30) + number)

    def value(self, kind: str, language: str) -> str:
        """One of the letter `kind`; now and then of another country than the language's."""
        own = LOCALES[language]
        if self._draw.random() < 0.25:
            own = LOCALES[self._draw.choice(list(LOCALES))]
        faker = self._fakers[self._draw.choice(own)]
        made = _MAKERS.get(kind)
        value = made(self, faker, language) if made else self._plain(kind, faker)
        if kind in "PFLCNOA" and self._draw.random() < 0.05:
            value = value.lower() if self._draw.random() < 0.5 else value.upper()
        return " ".join(value.split())

    def _plain(self, kind: str, faker: Any) -> str:
        names = {"F": "first_name", "L": "last_name", "C": "city", "N": "country", "Z": "postcode",
                 "M": "email", "H": "phone_number", "U": "url", "K": "credit_card_number", "I": "iban"}  # fmt: skip
        return str(getattr(faker, names[kind])())

    def person(self, faker: Any, _language: str) -> str:
        first, last = faker.first_name(), faker.last_name()
        form = self._draw.random()
        if form < 0.7:
            return f"{first} {last}"
        middle = self._draw.choice("ABCDEFGHJKLMNPRSTW")
        forms = (f"{first} {middle}. {last}", f"{first[:1]}. {last}", f"{first} {faker.first_name()} {last}",
                 f"{first} {last}-{faker.last_name()}", f"{last}, {first}")  # fmt: skip
        return self._draw.choice(forms)

    def firm(self, faker: Any, _language: str) -> str:
        draw, form = self._draw, self._draw.random()
        if form < 0.35:
            return str(faker.company())
        first, second = draw.sample(WORDS, 2)
        name = draw.choice((f"{first}{second}".capitalize(), f"{first.capitalize()}{second.capitalize()}",
                            f"{first.capitalize()} {second.capitalize()}", first.capitalize(),
                            "".join(draw.choices("ABCDEFGHIKLMNOPRSTUVW", k=draw.randint(2, 4))),
                            faker.last_name(), f"{faker.last_name()} {second.capitalize()}"))  # fmt: skip
        return f"{name} {draw.choice(TAILS)}" if draw.random() < 0.45 else name

    def street(self, faker: Any, _language: str) -> str:
        street = str(faker.street_address()).replace("\n", ", ")
        form = self._draw.random()
        if form < 0.1:
            return str(faker.street_name())
        return f"{street}, Apt. {self._draw.randint(1, 99)}" if form > 0.93 else street

    def region(self, faker: Any, _language: str) -> str:
        for name in ("state_abbr", "state", "region", "administrative_unit", "province"):
            if hasattr(faker, name) and self._draw.random() < 0.7:
                return str(getattr(faker, name)())
        return str(faker.city())

    def day(self, faker: Any, language: str) -> str:
        date = faker.date_between("-60y", "+2y")
        months = {"de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
                  "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
                  "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
                  "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
                  "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
                  "nl": "januari februari maart april mei juni juli augustus september oktober november december"}  # fmt: skip
        month = (
            months[language].split()[date.month - 1] if language in months else date.strftime("%B")
        )
        forms = [f"{date.day}.{date.month}.{date.year}", f"{date:%d/%m/%Y}", f"{date:%Y-%m-%d}", str(date.year),
                 f"{date.day} {month} {date.year}", f"{date.day} {month}", f"{date.month}/{date.day}/{date.year}"]  # fmt: skip
        if language == "en":
            forms += [f"{month} {date.day}, {date.year}", f"{date:%A}", f"{month} {date.year}", f"the {date.year // 10 * 10}s",
                      f"{date:%Y-%m-%d %H:%M:%S}"]  # fmt: skip
        return self._draw.choice(forms)

    def listed(self, table: dict[str, str], language: str) -> str:
        return self._draw.choice(table[language or "en"].split())

    def work(self, faker: Any, language: str) -> str:
        if language != "en":
            job = str(faker.job()) if hasattr(faker, "job") else "director"
            return job.split(",")[0].split(" (")[0]
        return self._draw.choice((*_JOBS, str(self._fakers["en_US"].job()).split(",")[0]))

    def town(self, faker: Any, _language: str) -> str:
        """Faker's English towns are made of names of people."""
        real = faker.locales[0].startswith("en") or self._draw.random() < 0.3
        return (
            self._draw.choice(CITIES) if real and self._draw.random() < 0.8 else str(faker.city())
        )

    def age(self, _faker: Any, _language: str) -> str:
        return str(self._draw.randint(1, 99))

    def number(self, _faker: Any, _language: str) -> str:
        return str(self._draw.randint(1, 99_999))


_JOBS = ("CEO", "CFO", "manager", "engineer", "teacher", "nurse", "President", "Chairman", "Singer", "plumber",
         "Head of Sales", "Vice President", "software developer", "Baker", "assistant", "lawyer", "analyst",
         "Prime Minister", "accountant", "driver", "Technical writer", "Office clerk", "electrician", "chef")  # fmt: skip
_MAKERS: dict[str, Callable[[Fillers, Any, str], str]] = {
    "P": Fillers.person, "O": Fillers.firm, "A": Fillers.street, "S": Fillers.region, "D": Fillers.day,
    "J": Fillers.work, "C": Fillers.town, "G": Fillers.age, "#": Fillers.number,
    "T": lambda self, _f, language: self.listed(TITLES, language),
    "R": lambda self, _f, language: self.listed(PEOPLES, language),
}  # fmt: skip
