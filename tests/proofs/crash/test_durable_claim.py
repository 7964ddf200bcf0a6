"""What a power cut would leave: each claim is flushed to the disk before the first byte of its POST."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from crash_pages import rows_of, unescaped
from crash_scene import scene
from crash_trace import OPTIONS, posts_of

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace records the system calls")


def test_each_claim_is_flushed_before_the_first_byte_of_its_post(tmp_path: Path) -> None:
    """Of every POST of a run with eight in flight, the repeated one too; and the check itself can fail."""
    file = tmp_path / "trace.txt"
    with scene(tmp_path / "scene") as stage:
        ended = stage.run_traced("-o", str(file), *OPTIONS)
        received = len(stage.log.received)
    assert ended.code == 4
    trace = file.read_text(encoding="utf-8", errors="replace").splitlines()
    posts = posts_of(trace)
    assert len(posts) == received == 39
    assert [post for post in posts if not post.durable] == []
    assert Counter(post.person for post in posts).most_common(1) == [("+5511901010425", 2)]

    # With the flushes between a claim and its POST cut out of the trace, or the writes, that POST is found out.
    assert not any(post.durable for post in posts_of(line for line in trace if "fdatasync" not in line))
    one = posts[20]
    assert one.claimed is not None
    for call in ("fdatasync", "pwrite64"):
        between = [line for line in trace[one.claimed : one.begun] if call not in line]
        cut = [*trace[: one.claimed], *between, *trace[one.begun :]]
        assert one.person in {post.person for post in posts_of(cut) if not post.durable}


def test_rows_of_a_page_are_read_as_sqlite_wrote_them() -> None:
    """A leaf with two rows: a null, numbers, text; and nothing of other pages."""
    first = bytes([4, 0, 1, 15]) + b"\x05" + b"a"
    second = bytes([5, 8, 9, 2, 17]) + (-2).to_bytes(2, "big", signed=True) + b"bc"
    cells = [bytes([len(first), 1]) + first, bytes([len(second), 2]) + second]
    starts = (100, 200)
    page = bytearray(4096)
    page[0] = 0x0D
    page[3:5] = (2).to_bytes(2, "big")
    for number, (start, cell) in enumerate(zip(starts, cells, strict=True)):
        page[8 + 2 * number : 10 + 2 * number] = start.to_bytes(2, "big")
        page[start : start + len(cell)] = cell
    assert list(rows_of(bytes(page))) == [[None, 5, b"a"], [0, 1, -2, b"bc"]]
    assert list(rows_of(b"\x0a" + bytes(page[1:]))) == []
    assert list(rows_of(b"")) == []


def test_the_texts_of_a_trace_are_read_back_as_bytes() -> None:
    """As strace escapes them."""
    assert unescaped(r"a\0\33\"\\\n\3778") == b'a\x00\x1b"\\\n\xff8'
