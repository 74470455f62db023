r"""What a hostile server says in the hope that a page acts on it: vectors x places.

A vector is text; `%s` in it is JavaScript that leaves the word EVIL in the page, and
every element it would make carries EVIL in an attribute (or is of a kind that nothing
of smtpnb is). A place is where in a session the server says it.
"""

from __future__ import annotations

from typing import Final

SCRIPT: Final = "top.EVIL=1"
_VECTORS: Final = {
    # markup that runs
    "script": "<script>%s</script>",
    "script, upper case": "<SCRIPT>%s</SCRIPT>",
    "script, broken up": "<scr<script>ipt>%s</script>",
    "script, a namespace": "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>%s</x:script>",
    "script, a module": "<script type=module>%s</script>",
    "script, closes ours": "</pre></b></td></script><script>%s</script>",
    "image": "<img id=EVIL src=x onerror=%s>",
    "image, quotes": "\"'><img id=EVIL src=x onerror='%s'>",
    "image, slashes": "<img/id=EVIL/src=x/onerror=%s//",
    "image, no end": "<img id=EVIL src=x onerror=%s ",
    "svg": "<svg id=EVIL onload=%s>",
    "svg, script": "<svg><script id=EVIL>%s</script></svg>",
    "svg, animation": "<svg id=EVIL><animate onbegin=%s attributeName=x dur=1s>",
    "svg, use": "<svg id=EVIL><use href='data:image/svg+xml,<svg onload=%s>'/></svg>",
    "math": "<math id=EVIL><mi xlink:href='javascript:%s'>x</mi></math>",
    "iframe": "<iframe id=EVIL src='javascript:%s'></iframe>",
    "iframe, srcdoc": "<iframe id=EVIL srcdoc='<script>%s</script>'></iframe>",
    "object": "<object id=EVIL data='javascript:%s'></object>",
    "embed": "<embed id=EVIL src='javascript:%s'>",
    "body": "<body class=EVIL onload=%s>",
    "details": "<details id=EVIL open ontoggle=%s>x</details>",
    "input": "<input id=EVIL autofocus onfocus=%s>",
    "select": "<select id=EVIL autofocus onfocus=%s></select>",
    "video": "<video id=EVIL><source onerror=%s></video>",
    "audio": "<audio id=EVIL src=x onerror=%s></audio>",
    "marquee": "<marquee id=EVIL onstart=%s>x</marquee>",
    "animation": "<b id=EVIL style='animation:x' onanimationstart=%s>x</b>",
    "popover": "<b id=EVIL popover onbeforetoggle=%s>x</b>",
    # markup that waits for a click, moves, hides or sends
    "link": "<a id=EVIL href='javascript:%s'>click</a>",
    "link, data": "<a id=EVIL href='data:text/html,<script>%s</script>'>click</a>",
    "link, a tab": "<a id=EVIL href='java\tscript:%s'>click</a>",
    "button, a command": (
        "<button id=EVIL data-commandlinker-command='terminal:create-new' "
        "data-commandlinker-args='{}'>OK</button>"
    ),
    "link, a command": "<a id=EVIL data-commandlinker-command='apputils:reset'>OK</a>",
    "form": "<form id=EVIL action='javascript:%s'><button>OK</button></form>",
    "meta": "<meta id=EVIL http-equiv=refresh content='0;url=javascript:%s'>",
    "base": "<base id=EVIL href='javascript:%s//'>",
    "style": "<style id=EVIL>*{display:none}</style>",
    "stylesheet": "<link id=EVIL rel=stylesheet href='data:text/css,*{color:red}'>",
    "cover": "<div id=EVIL style='position:fixed;inset:0;background:red'>x</div>",
    "comment": "<!-- EVIL --><b id=EVIL>x</b><!--",
    "textarea": "<textarea id=EVIL></pre><script>%s</script>",
    "template": "<template id=EVIL><script>%s</script></template>",
    "CDATA": "<![CDATA[<img id=EVIL src=x onerror=%s>]]>",
    # what only looks escaped
    "entities": "&lt;img id=EVIL src=x onerror=%s&gt;",
    "entities, numbers": "&#60;img id=EVIL src=x onerror=%s&#62;",
    "entities, twice": "&amp;lt;script&amp;gt;%s&amp;lt;/script&amp;gt;",
    "backslashes": "\\x3cimg id=EVIL src=x onerror=%s\\x3e",
    "UTF-7": "+ADw-script+AD4-%s+ADw-/script+AD4-",
    "percent": "%%3Cscript%%3E%s%%3C/script%%3E",
    "fullwidth": "\uff1cscript\uff1e%s\uff1c/script\uff1e",
    # other languages that a notebook speaks
    "markdown, image": "![EVIL](x 'EVIL')",
    "markdown, link": "[EVIL](javascript:%s)",
    "markdown, bold": "**EVIL** _EVIL_ `EVIL`",
    "markdown, heading": "# EVIL",
    "markdown, a fence": "```html <b id=EVIL> ```",
    "LaTeX": "$\\href{javascript:%s}{EVIL}$",
    "LaTeX, display": "$$\\href{javascript:%s}{\\color{red}EVIL}$$",
    "LaTeX, parentheses": "\\(\\href{javascript:%s}{EVIL}\\)",
    "LaTeX, brackets": "\\[\\class{EVIL}{\\style{position:fixed}{EVIL}}\\]",
    "LaTeX, environment": "\\begin{align}EVIL\\cssId{EVIL}{x}\\end{align}",
    "template language": "{{constructor.constructor('%s')()}} ${%s} <%%= %s %%>",
    # what a page makes a link of by itself
    "address": "https://EVIL.example/?a=b&c=d#%s",
    "address, www": "www.EVIL.example",
    "address, data": "data:text/html,<script>%s</script>",
    "address, script": "javascript:%s",
    "address, mail": "mailto:EVIL@mail.example",
    "path": 'File "/tmp/EVIL.py", line 1',
    "path, a place": "./EVIL.ipynb:1:1 ~/EVIL.py:2",
    # terminals
    "ANSI colour": "\x1b[31mEVIL\x1b[0m",
    "ANSI conceal": "\x1b[8mEVIL\x1b[28m",
    "ANSI cursor": "\x1b[2J\x1b[1;1HEVIL\x1b[K",
    "C1": "\x9b31mEVIL\x9b0m",
    "OSC 8": "\x1b]8;;javascript:%s\x07EVIL\x1b]8;;\x07",
    "OSC 52": "\x1b]52;c;RVZJTA==\x07EVIL",
    "OSC 0": "\x1b]0;EVIL\x1b\\",
    "backspace": "EVIL\b\b\b\bgood",
    "carriage return": "EVIL\rgood",
    # letters that hide, reorder or forge a row
    "bidi override": "\u202eLIVE\u202c",
    "bidi isolate": "\u2066EVIL\u2067\u2069",
    "zero width": "E\u200bV\u200cI\u200dL\u2060\ufeff",
    "separators": "EVIL\u2028250 good\u2029\x85\x0b\x0c",
    "tags": "EVIL\U000e0045\U000e0056",
    "formula": '=HYPERLINK("javascript:%s";"EVIL")',
}
VECTORS: Final = {
    name: vector.replace("%s", SCRIPT).replace("%%", "%")
    for name, vector in _VECTORS.items()
}
# The places in one session, in its order.
SPOKEN: Final = ("greeting", "keyword", "reply", "refusal", "unexpected", "malformed")
PLACES: Final = (*SPOKEN, "certificate")
N_PAYLOADS: Final = len(VECTORS) * len(PLACES)


def pairs() -> list[tuple[str, str]]:
    """Return the vectors two by two, a long one with a short one: fewer sessions."""
    ordered = sorted(VECTORS.values(), key=len)
    if len(ordered) % 2:
        ordered.insert(0, "")
    half = len(ordered) // 2
    return list(zip(ordered[:half], reversed(ordered[half:]), strict=True))


def said(place: str, pair: tuple[str, str]) -> bytes:
    """Return what the server says, line ends included."""
    one, two = (vector.encode() for vector in pair)
    match place:
        case "greeting":
            return b"220-%b\r\n220 %b ESMTP\r\n" % (one, two)
        case "keyword":  # a keyword and its parameter, and a mechanism
            lines = (b"hi", one + b" " + two, two + b" " + one, b"AUTH " + one)
            return b"".join(b"250-%b\r\n" % line for line in lines) + b"250 HELP\r\n"
        case "reply":
            return b"250-2.0.0 %b\r\n250 2.0.0 %b\r\n" % (one, two)
        case "refusal":
            return b"550-5.1.1 %b\r\n550 5.1.1 %b\r\n" % (one, two)
        case "unexpected":
            return b"451-%b\r\n451 %b\r\n" % (one, two)
        case _:
            return b"%b %b\r\n" % (one, two)
