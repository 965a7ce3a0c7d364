"""Equations of Word (OMML, ISO/IEC 29500-1, 22.1) as LaTeX, so that "πr^{2}" is not "πr2"."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Mapping

from bedplate.parsers.package import Element

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
EQUATION = f"{_M}oMath"


def latex(element: Element) -> str:
    r"""What an equation or a part of one says; letters stay as they are (π, not \pi)."""
    name = element.tag.removeprefix(_M) if isinstance(element.tag, str) else ""
    if name == "t":
        return element.text or ""
    if name.endswith("Pr"):
        return ""
    write = _WRITTEN.get(name)
    return write(element) if write is not None else "".join(latex(inner) for inner in element)


def _part(element: Element, name: str) -> str:
    inner = element.find(f"{_M}{name}")
    return "" if inner is None else latex(inner)


def _set(element: Element, name: str, absent: str) -> str:
    """A property's value; an empty one says that there is no such mark."""
    found = element.find(f"{_M}{element.tag.removeprefix(_M)}Pr/{_M}{name}")
    return absent if found is None else found.get(f"{_M}val", "")


def _scripts(below: str, above: str) -> str:
    return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _fraction(element: Element) -> str:
    return f"\\frac{{{_part(element, 'num')}}}{{{_part(element, 'den')}}}"


def _root(element: Element) -> str:
    degree = _part(element, "deg")
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_part(element, 'e')}}}"


def _script(element: Element) -> str:
    return _part(element, "e") + _scripts(_part(element, "sub"), _part(element, "sup"))


def _before(element: Element) -> str:
    return _scripts(_part(element, "sub"), _part(element, "sup")) + _part(element, "e")


def _limit(element: Element) -> str:
    limit = _part(element, "lim")
    lower = element.tag == f"{_M}limLow"
    return _part(element, "e") + (_scripts(limit, "") if lower else _scripts("", limit))


def _large_operator(element: Element) -> str:
    scripts = _scripts(_part(element, "sub"), _part(element, "sup"))
    return f"{_set(element, 'chr', '∫')}{scripts} {_part(element, 'e')}"


def _delimited(element: Element) -> str:
    inner = _set(element, "sepChr", "|").join(latex(one) for one in element.findall(f"{_M}e"))
    return f"{_set(element, 'begChr', '(')}{inner}{_set(element, 'endChr', ')')}"


def _function(element: Element) -> str:
    return f"{_part(element, 'fName')} {_part(element, 'e')}"


def _rows(element: Element) -> str:
    rows = element.findall(f"{_M}mr") or element.findall(f"{_M}e")
    cells = ([latex(cell) for cell in row.findall(f"{_M}e")] or [latex(row)] for row in rows)
    return " \\\\ ".join(" & ".join(row) for row in cells)


_WRITTEN: Mapping[str, Callable[[Element], str]] = {
    "f": _fraction,
    "rad": _root,
    "sSub": _script,
    "sSup": _script,
    "sSubSup": _script,
    "sPre": _before,
    "limLow": _limit,
    "limUpp": _limit,
    "nary": _large_operator,
    "d": _delimited,
    "func": _function,
    "m": _rows,
    "eqArr": _rows,
}
