"""Files that other people made are opened as regular files, and read no further than needed."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import InputError
from port.untrusted import (
    JSON_BYTES,
    JSON_DEPTH,
    JSON_DIGITS,
    open_regular,
    parse_json,
    read_bytes,
    read_json,
    read_text,
)
from tests.port.special import SPECIAL, make_special, open_files_unchanged


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_stored_file_is_refused_by_name(kind: str, linked: bool, tmp_path: Path) -> None:
    path = make_special(kind, tmp_path / "file", linked)
    with open_files_unchanged(), pytest.raises(InputError) as caught:
        read_bytes(path, 1 << 20, "a genotype")
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["absent", "a\0b", "\ud800", "x" * 300, "file/inside", ""])
def test_a_path_that_leads_nowhere_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = f"{tmp_path}/{name}" if name else ""
    with pytest.raises(InputError) as caught:
        open_regular(path, 1, "a genotype")
    assert str(caught.value).startswith(f"{path}: ")


def test_a_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "link", 7, "a text") == b"content"


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"eight by")
    assert read_bytes(path, 8, "a word") == b"eight by"
    with pytest.raises(InputError, match="8 bytes, and a word has at most 7"):
        read_bytes(path, 7, "a word")


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_bytes(tmp_path / "empty", 0, "a word") == b""


def test_a_pipe_that_takes_the_place_of_a_checked_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    regular, path = (tmp_path / "file").stat(), tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr("port.untrusted._look_at", lambda _: regular)
    with open_files_unchanged(), pytest.raises(InputError, match="a pipe"):
        open_regular(path, 1, "a word")


def test_text_is_utf8_with_or_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbf\xc3\xa4")
    assert read_text(path, 9, "a word") == "ä"
    path.write_bytes(b"ok\xff")
    with pytest.raises(InputError, match="byte 2"):
        read_text(path, 9, "a word")


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_JSON)
def test_json_comes_back_as_it_was_written(value: object) -> None:
    assert parse_json(json.dumps(value), "text") == value


@given(st.text() | st.text('[]{}"\\,:0', max_size=30) | _JSON.map(json.dumps))
def test_any_text_is_json_or_refused_in_one_line(text: str) -> None:
    try:
        parse_json(text, "text")
    except InputError as error:
        assert str(error).startswith("text: ")
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested"),
        ("[" * (JSON_DEPTH + 1) + "]" * (JSON_DEPTH + 1), "nested"),
        ("1" * (JSON_DIGITS + 1), "digits"),
        ('{"a": -' + "9" * 1_000_000 + "}", "digits"),
        ("[1e999]", "finite"),
        ("[-1" + "0" * 10_000 + ".0]", "finite"),
        ("[NaN]", "finite"),
        ("-Infinity", "finite"),
        ('"' + '\\"' * 1_000_000, "not JSON"),
        ('"' + " " * JSON_BYTES + '"', "characters"),
        ("", "not JSON"),
    ],
)
def test_json_beyond_need_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        parse_json(text, "text")
    assert len(str(caught.value)) < 200


def test_brackets_in_strings_are_no_nesting() -> None:
    words = ["[" * 1000, '"{' * 1000, "\\" * 1001 + "["]
    assert parse_json(json.dumps(words), "text") == words
    assert parse_json("[" * JSON_DEPTH + "]" * JSON_DEPTH, "text")


def test_a_json_file_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('{"a": [1, 2.5, null]}')
    assert read_json(path, "a record") == {"a": [1, 2.5, None]}
    path.write_text("[" * 100_000)
    with pytest.raises(InputError) as caught:
        read_json(path, "a record")
    assert str(caught.value).startswith(f"{path}: ")
