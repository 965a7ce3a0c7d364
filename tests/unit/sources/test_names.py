"""File names as keys."""

import os

from hypothesis import given
from hypothesis import strategies as st

from bedplate.sources.names import key_of, path_of

_names = st.binary(max_size=40).map(os.fsdecode) | st.text(
    st.sampled_from("aB0%/ é\n\x1b\u202e"), max_size=20
)


@given(_names)
def test_every_name_has_a_printable_key_that_leads_back_to_it(path: str) -> None:
    assert key_of(path).isprintable()
    assert path_of(key_of(path)) == path


@given(_names, _names)
def test_keys_below_a_folder_begin_with_its_key(folder: str, name: str) -> None:
    assert key_of(f"{folder}/{name}").startswith(key_of(f"{folder}/"))


def test_plain_names_are_their_own_keys() -> None:
    assert key_of("Straße/100% sure.txt") == "Straße/100% sure.txt"
    assert key_of("a\nb\udcff%41") == "a%0Ab%FF%2541"
