from __future__ import annotations

import html
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb.edges.text import decode, for_html, for_terminal


def span(*bounds: int) -> set[int]:
    return set(range(bounds[0], bounds[-1] + 1))


# Unicode's Default_Ignorable_Code_Point: shown as nothing, so that it can hide.
IGNORABLE = (
    {0xAD, 0x34F, 0x61C, 0x3164, 0xFEFF, 0xFFA0}
    | span(0x115F, 0x1160)
    | span(0x17B4, 0x17B5)
    | span(0x180B, 0x180F)
    | span(0x200B, 0x200F)
    | span(0x202A, 0x202E)
    | span(0x2060, 0x206F)
    | span(0xFE00, 0xFE0F)
    | span(0xFFF0, 0xFFF8)
    | span(0x1BCA0, 0x1BCA3)
    | span(0x1D173, 0x1D17A)
    | span(0xE0000, 0xE0FFF)
)

ACTIVE = {
    "C0": span(0x00, 0x1F),
    "DEL": {0x7F},
    "C1": span(0x80, 0x9F),
    "line separators": {0x0A, 0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029},
    "bidirectional": {0x61C}
    | span(0x200E, 0x200F)
    | span(0x202A, 0x202E)
    | span(0x2066, 0x2069),
    "zero width": span(0x200B, 0x200D) | {0x2060, 0xFEFF},
    "ignorable": IGNORABLE,
    "interlinear": span(0xFFF9, 0xFFFB),
    "tags": span(0xE0001, 0xE007F),
    "variation selectors": span(0xFE00, 0xFE0F) | span(0xE0100, 0xE01EF),
    "lone surrogates": span(0xD800, 0xDFFF),
}


@pytest.mark.parametrize("kind", ACTIVE)
def test_active_characters_are_escaped_everywhere(kind: str) -> None:
    for code in ACTIVE[kind]:
        character = chr(code)
        escape = for_terminal(character)
        assert escape.isascii()
        assert escape.isprintable()
        assert int("0" + escape[1:].lower().replace("u", "x"), 0) == code
        assert for_terminal(f"é{character}b") == f"é{escape}b"
        assert for_html(f"<{character}") == f"&lt;{escape}"


def test_every_control_and_separator_of_unicode_is_escaped() -> None:
    # Visible signs and format controls that belong to the letters around them.
    visible = span(0x600, 0x605) | {0x6DD, 0x70F, 0x890, 0x891, 0x8E2}
    visible |= {0x110BD, 0x110CD} | span(0x13430, 0x1343F)
    passed = {
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and for_terminal(chr(code)) == chr(code)
    }
    assert passed <= visible


ORDINARY = [
    "250 2.0.0 Ok: queued as 4F1B2",
    "é",
    "e\u0301",
    "Grüße an señor Ångström",
    "漢字かな交じり文",
    "한국어",
    "Ελληνικά",
    "Русский",
    "עברית",
    "العربية",
    "ไทย",
    "हिन्दी",
    "😀🎉🇨🇭",
    "→ “quoted” … €",
    "a\u00a0b",
    "\\x1b is written so",
    "",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_readable(text: str) -> None:
    assert for_terminal(text) == text
    assert for_html(text) == html.escape(text, quote=True)


ESCAPES = [
    ("\x1b[31m", "\\x1b[31m"),
    ("a\tb", "a\\x09b"),
    ("a\r\nb", "a\\x0d\\x0ab"),
    ("\x9b31m", "\\x9b31m"),
    ("\u202egnp", "\\u202egnp"),
    ("\U000e0041", "\\U000e0041"),
    ("\ud800", "\\ud800"),
]


@pytest.mark.parametrize(("text", "shown"), ESCAPES)
def test_an_escape_reads_as_in_python(text: str, shown: str) -> None:
    assert for_terminal(text) == shown
    assert shown.encode().decode("unicode_escape") == text


def test_a_view_that_owns_its_lines_keeps_newlines_alone() -> None:
    text = "a\nb\r\n\tc\x0b\x0c\x85\u2028\x1b"
    shown = for_terminal(text, newlines=True)
    assert shown == "a\nb\\x0d\n\\x09c\\x0b\\x0c\\x85\\u2028\\x1b"
    assert for_html("<\n\r", newlines=True) == "&lt;\n\\x0d"
    assert for_html("<\n") == "&lt;\\x0a"


@given(st.text(st.characters()))
@example("\ud83d\u200d\x00")
def test_any_text_becomes_one_printable_line_that_can_be_written(text: str) -> None:
    shown = for_terminal(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert for_terminal(shown) == shown


class Strict(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.attribute: str | None = None
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert [name for name, _ in attrs] in ([], ["title"])
        if attrs:
            self.attribute = attrs[0][1]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("quote", ['"', "'"])
@given(st.text(st.characters() | st.sampled_from("<>&\"'/=!-;#x`\n"), max_size=30))
@example("</p><script>alert(1)</script>")
@example("\"' onclick=alert(1) x='")
@example("&#60;b&#62;")
@example("&lt")
def test_html_of_any_text_is_inert_in_element_and_attribute(
    quote: str, text: str
) -> None:
    shown = for_html(text)
    parser = Strict()
    parser.feed(f"<p title={quote}{shown}{quote}>{shown}</p>")
    parser.close()
    assert parser.tags == ["p"]
    assert parser.text == parser.attribute == for_terminal(text)


DECODED = [
    (b"plain", "plain"),
    ("é漢😀".encode(), "é漢😀"),
    (b"\xe9", "\\xe9"),
    (b"a\xff\xfeb", "a\\xff\\xfeb"),
    # GBK: two of its octets look like a letter of UTF-8, which nobody meant
    (b"\xb4\xed\xca\xb9\xc2\xbc", "\\xb4\\xed\\xca\\xb9\\xc2\\xbc"),
    (b"\xc0\x8a", "\\xc0\\x8a"),
    (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
    (b"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"),
    (b"a\0b", "a\0b"),
]


@pytest.mark.parametrize(("octets", "text"), DECODED)
def test_octets_are_decoded_as_utf8_or_shown(octets: bytes, text: str) -> None:
    assert decode(octets) == text


@given(st.binary())
def test_any_octets_are_decoded(octets: bytes) -> None:
    decode(octets).encode()
