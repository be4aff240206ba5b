"""Where things stand in a TOML file: every key's line, and one clear line for a file that cannot be read."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter import tomlfile


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "some.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes) -> tomlfile.TomlFile:
    return tomlfile.read(write(folder, content))


def test_keys_tables_and_entries_of_arrays_have_their_lines(tmp_path: Path) -> None:
    file = read(tmp_path, "a = 1\n[b]\nc.d = 2\n\n[[e]]\nf = 3\n[[e]]\n# f\nf = 4\n[e.g]\nh = 5\n")
    assert file.lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", "d"): 3,
        ("e",): 5,
        ("e", 0): 5,
        ("e", 0, "f"): 6,
        ("e", 1): 7,
        ("e", 1, "f"): 9,
        ("e", 1, "g"): 10,
        ("e", 1, "g", "h"): 11,
    }


def test_a_key_that_is_not_there_is_looked_for_around_it(tmp_path: Path) -> None:
    file = read(tmp_path, "\n[b]\nc = { d = 1 }\n")
    assert file.line("b", "c", "d") == 3
    assert file.line("b", "missing") == 2
    assert file.line("missing") == 1
    assert file.where("b", "c") == f"{tmp_path}/some.toml:3"


@pytest.mark.parametrize(
    "value",
    [
        '"""\nnot_a_key = 1\n[not_a_table]\n"""',
        "'''\n[[no]]\n'''",
        '"""ends with two quotes of its own\n"""""',
        '"""an escaped \\""" quote\n"""',
        '[\n  "a]", # a comment with [ and "\n  \'b[\',\n]',
        '[ """\n[[\n""", { x = "}" } ]',
        '[{ a = [\n1,\n2] }, """\n{\n"""]',
        '"#"',
        "2021-02-03T15:00:00",
        "'\u2028 and \u0085 end no line'",
    ],
)
def test_what_a_value_contains_is_never_taken_for_a_key(tmp_path: Path, value: str) -> None:
    content = f"first = {value}\nlast = 1\n"
    assert set(tomllib.loads(content)) == {"first", "last"}
    line = content.split("\n").index("last = 1") + 1
    assert read(tmp_path, content).lines == {("first",): 1, ("last",): line}


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ('["a[b]"]', ("a[b]",)),
        ("[ 'x = 1' . y ]  # a comment", ("x = 1", "y")),
        ('["quoted \\" and \\u00e9"]', ('quoted " and é',)),
        ('[a."b.c".d]', ("a", "b.c", "d")),
    ],
)
def test_quoted_names_are_read_as_toml_reads_them(tmp_path: Path, header: str, key: tuple[str, ...]) -> None:
    file = read(tmp_path, f"\n{header}\nz = 1\n")
    assert file.line(*key) == 2
    assert file.lines[(*key, "z")] == 3


def test_lines_of_windows_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    file = read(tmp_path, b"\xef\xbb\xbfa = 1\r\nb = [\r\n1]\r\nc = 2\r\n")
    assert file.lines == {("a",): 1, ("b",): 2, ("c",): 4}


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(tomlfile.UnreadableFile, match=r"some\.toml:2: not valid TOML: ") as caught:
        read(tmp_path, "a = 1\nb = \n")
    assert caught.value.line == 2


def test_a_file_that_ends_too_early_names_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(tomlfile.UnreadableFile, match=r"some\.toml:2: not valid TOML"):
        read(tmp_path, "a = 1\nb = [1,")


def test_bytes_that_are_not_utf_8_name_their_line(tmp_path: Path) -> None:
    with pytest.raises(tomlfile.UnreadableFile, match=r"some\.toml:2: not UTF-8; save the file as UTF-8"):
        read(tmp_path, 'a = 1\nb = "Zoë"\n'.encode("latin-1"))


@pytest.mark.parametrize("content", ["a = " + "[" * 5000, "a = " + "9" * 5000])
def test_a_monstrous_file_is_one_clear_line(tmp_path: Path, content: str) -> None:
    with pytest.raises(tomlfile.UnreadableFile, match=r"some\.toml: not a file of ours: [^\n]+$"):
        read(tmp_path, content)


def test_a_missing_file_and_a_folder_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(tomlfile.UnreadableFile, match="there is no such file"):
        tomlfile.read(tmp_path / "missing.toml")
    with pytest.raises(tomlfile.UnreadableFile, match="directory"):
        tomlfile.read(tmp_path)


NAMES = st.text(min_size=1, max_size=8)
VALUES = st.one_of(st.text(max_size=20), st.integers(-9, 9), st.booleans())


def quoted(text: str) -> str:
    escaped = "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


@given(st.lists(st.tuples(NAMES, VALUES), unique_by=lambda pair: pair[0], max_size=8), st.integers(0, 3))
@example([("[x]", "'''")], 1)
def test_every_key_of_a_table_is_found_on_the_line_it_was_written_on(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, Any]], gap: int
) -> None:
    def shown(value: Any) -> str:
        return quoted(value) if isinstance(value, str) else str(value).lower()

    content = "".join(f"{quoted(name)} = {shown(value)}\n" + "\n" * gap for name, value in pairs)
    file = read(tmp_path_factory.mktemp("toml"), content)
    assert file.data == dict(pairs)
    assert file.lines == {(name,): 1 + number * (gap + 1) for number, (name, _) in enumerate(pairs)}
