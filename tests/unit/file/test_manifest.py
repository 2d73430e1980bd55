"""Manifests: what is read from them, and what is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulp_actor.plugins.file.manifest import Entry, ManifestError, check, format_entry, path_fault, read

URL = "http://upstream/PULP_MANIFEST"
A, B = "a" * 64, "b" * 64


def entries(text: str | bytes) -> list[Entry]:
    data = text.encode() if isinstance(text, str) else text
    return list(read(data.splitlines(keepends=True), URL))


def checked(text: str) -> int:
    lines = text.encode().splitlines(keepends=True)
    return check(lines, lines, URL)


def test_lines_become_entries():
    assert entries(f"one,{A},1\ndir/two, with comma,{B},0\n") == [
        Entry("one", A, 1, 1), Entry("dir/two, with comma", B, 0, 2)]


@pytest.mark.parametrize("line", [f"x,{A.upper()},7", f"x, {A} , 7 ", f"x,{A},7\r\n"])
def test_sloppy_lines_are_understood(line):
    assert [entry[:3] for entry in entries(line)] == [("x", A, 7)]


def test_empty_lines_are_skipped_and_counted():
    assert entries(f"\nx,{A},7\n\r\n\ny,{B},8")[1].line == 5


@pytest.mark.parametrize(("line", "reason"), [
    ("x", "it is not of the form relative_path,sha256,size"),
    (f"x,{A}", "it is not of the form"),
    (f"x,{A[1:]},1", "is no SHA-256 digest"),
    (f"x,{'g' * 64},1", "is no SHA-256 digest"),
    (f"x,{A},one", "'one' is no size"),
    (f"x,{A},-1", "is no size"),
    (f"x,{A},٣", "is no size"),
    (f"x,{A},{'9' * 30}", "is no size"),
    (f"../x,{A},1", "is not a plain relative path"),
    (f"a/../../x,{A},1", "is not a plain relative path"),
    (f"/x,{A},1", "is not a plain relative path"),
    (f"a//x,{A},1", "is not a plain relative path"),
    (f"a/,{A},1", "is not a plain relative path"),
    (f".,{A},1", "is not a plain relative path"),
    (f"a/./x,{A},1", "is not a plain relative path"),
    (f",{A},1", "is not a plain relative path"),
    (f"a\0b,{A},1", "control character"),
    (f"{'x' * 20_000},{A},1", "longer than"),
])
def test_bad_line_is_named(line, reason):
    with pytest.raises(ManifestError, match=reason) as caught:
        entries(f"good,{A},1\n{line}\n")
    assert str(caught.value).startswith(f"{URL}, line 2: ")


def test_bytes_that_are_no_text():
    with pytest.raises(ManifestError, match="line 1: it is not UTF-8"):
        entries(b"\xff\xfe," + A.encode() + b",1\n")


def test_path_of_two_files_is_refused():
    with pytest.raises(ManifestError, match="line 3: 'x' is another file than in line 1"):
        checked(f"x,{A},1\ny,{A},1\nx,{B},1\n")
    with pytest.raises(ManifestError, match="line 2: 'x' is another file"):
        checked(f"x,{A},1\nx,{A},2\n")


def test_line_that_is_repeated_is_harmless():
    assert checked(f"x,{A},1\nx,{A},1\nX,{B},1\n") == 3


def test_chance_meetings_in_the_table_are_no_repetition(monkeypatch):
    monkeypatch.setattr("pulp_actor.plugins.file.manifest._SEEN_BITS", 8)
    assert checked("".join(f"{number},{number:064x},1\n" for number in range(500))) == 500
    with pytest.raises(ManifestError, match="line 501: '7' is another file than in line 8"):
        checked("".join(f"{number},{number:064x},1\n" for number in range(500)) + f"7,{A},1\n")


PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(lambda p: not path_fault(p))


@given(st.lists(st.tuples(PATHS, st.binary(min_size=32, max_size=32), st.integers(0, 10**17)), max_size=20))
def test_what_is_written_is_read_back(files):
    written = [(path, digest.hex(), size) for path, digest, size in files]
    text = "".join(format_entry(*file) for file in written).encode()
    lines = [line + b"\n" for line in text.split(b"\n")[:-1]]
    assert [entry[:3] for entry in read(lines, URL)] == written


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        found = list(read(data.splitlines(keepends=True), URL))
    except ManifestError:
        return
    assert all(path_fault(entry.relative_path) is None for entry in found)
