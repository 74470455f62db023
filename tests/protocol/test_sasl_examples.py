"""The examples of the RFCs, octet for octet, and servers that break the rules."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
import scramp
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError, SmtpError
from smtpnb.protocol.sasl import (
    Anonymous,
    Channel,
    CramMd5,
    DigestMd5,
    External,
    Login,
    Mechanism,
    Note,
    OAuthBearer,
    Plain,
    Scram,
    Work,
    XOAuth2,
)
from smtpnb.protocol.sasl.prepare import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

DONE: Final = None  # the server says that it is done


class Run(NamedTuple):
    """What a mechanism said."""

    said: list[bytes | None]
    notes: list[str]


def run(
    mechanism: Mechanism, *challenges: bytes | None, channel: Channel | None = None
) -> Run:
    """Answer each challenge; work is done at once."""
    steps = mechanism.steps(channel or Channel())
    done = Run([], [])
    asked = _resumed(lambda: next(steps), steps, done)
    for challenge in challenges:
        if asked is StopIteration:
            break
        done.said.append(None if asked is None else bytes(asked))
        asked = _resumed(lambda: steps.send(challenge), steps, done)  # noqa: B023
    if asked is not StopIteration:
        done.said.append(None if asked is None else bytes(asked))
    return done


def _resumed(resume: Callable[[], Any], steps: Any, done: Run) -> Any:
    try:
        asked = resume()
        while isinstance(asked, (Work, Note)):
            value = None
            if isinstance(asked, Note):
                done.notes.append(asked.text)
            else:
                value = asked.function(*asked.args)
            asked = steps.send(value)
    except StopIteration:
        return StopIteration
    return asked


TIM: Final = "tanstaaftanstaaf"
TOKEN: Final = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
IMAP: Final = Channel(host="elwood.innosoft.com", port=143)
_DIGEST: Final = (
    b'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",'
    b"algorithm=md5-sess,charset=utf-8"
)
_XOAUTH2: Final = (
    "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSb"
    "GNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
)
EXAMPLES: dict[
    str, tuple[Mechanism, Channel | None, tuple[bytes | None, ...], list[bytes | None]]
] = {
    "RFC 4616 section 4, PLAIN": (
        Plain("tim", TIM),
        None,
        (),
        [b"\0tim\0tanstaaftanstaaf"],
    ),
    "RFC 4616 section 4, PLAIN for another": (
        Plain("Kurt", "xipj3plmq", identity="Ursel"),
        None,
        (),
        [b"Ursel\0Kurt\0xipj3plmq"],
    ),
    "RFC 4954 section 4.1, PLAIN": (
        Plain("test", "1234", identity="test"),
        None,
        (),
        [base64.b64decode("dGVzdAB0ZXN0ADEyMzQ=")],
    ),
    "RFC 4954 section 4.1, PLAIN after a 334": (
        Plain("test", "1234", identity="test", initial_response=False),
        None,
        (b"",),
        [None, base64.b64decode("dGVzdAB0ZXN0ADEyMzQ=")],
    ),
    "draft-murchison-sasl-login-00 section 4.1, LOGIN": (
        Login("tim", TIM),
        None,
        (b"User Name\0", b"Password\0"),
        [None, b"tim", TIM.encode()],
    ),
    "RFC 2195 section 2, CRAM-MD5": (
        CramMd5("tim", TIM),
        None,
        (base64.b64decode("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"),),
        [None, base64.b64decode("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")],
    ),
    "RFC 5802 section 5, SCRAM-SHA-1": (
        Scram("user", "pencil", "SHA-1", nonce="fyko+d2lbbFgONRv9qkxdawL"),
        None,
        (
            b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            DONE,
        ),
        [
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            (
                b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
                b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
            ),
            b"",
        ],
    ),
    "RFC 7677 section 3, SCRAM-SHA-256": (
        Scram("user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO"),
        None,
        (
            (
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
            ),
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            DONE,
        ),
        [
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            (
                b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
            ),
            b"",
        ],
    ),
    "RFC 2831 section 4, DIGEST-MD5 (IMAP)": (
        DigestMd5("chris", "secret", nonce="OA6MHXh6VqTrRk", service="imap"),
        IMAP,
        (_DIGEST, b"rspauth=ea40f60335c427b5527b84dbabcdfffd", DONE),
        [
            None,
            (
                b'charset=utf-8,username="chris",realm="elwood.innosoft.com",'
                b'nonce="OA6MG9tEQGm2hh",nc=00000001,cnonce="OA6MHXh6VqTrRk",'
                b'digest-uri="imap/elwood.innosoft.com",'
                b"response=d388dad90d4bbd760a152321f2143af7,qop=auth"
            ),
            b"",
        ],
    ),
    "RFC 7628 section 4.1, OAUTHBEARER (IMAP)": (
        OAuthBearer("user@example.com", TOKEN),
        Channel(host="server.example.com", port=143),
        (),
        [
            b"n,a=user@example.com,\1host=server.example.com\1port=143\1"
            b"auth=Bearer " + TOKEN.encode() + b"\1\1"
        ],
    ),
    "RFC 7628 section 4.3, OAUTHBEARER refused": (
        OAuthBearer("user@example.com", TOKEN),
        Channel(host="server.example.com", port=587),
        (b'{"status":"invalid_token","scope":"example_scope"}',),
        [
            b"n,a=user@example.com,\1host=server.example.com\1port=587\1"
            b"auth=Bearer " + TOKEN.encode() + b"\1\1",
            b"\1",
        ],
    ),
    "Google's description, XOAUTH2": (
        XOAuth2(
            "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
        ),
        None,
        (b'{"status":"401","schemes":"bearer","scope":"https://mail.example/"}',),
        [base64.b64decode(_XOAUTH2), b""],
    ),
    "RFC 4422 appendix A.4, EXTERNAL": (External(), None, (), [b""]),
    "RFC 4422 appendix A.4, EXTERNAL for another": (
        External("fred@example.com"),
        None,
        (),
        [b"fred@example.com"],
    ),
    "RFC 4505 section 3, ANONYMOUS": (Anonymous("sirhc"), None, (), [b"sirhc"]),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_said_octet_for_octet(example: str) -> None:
    mechanism, channel, challenges, said = EXAMPLES[example]
    assert run(mechanism, *challenges, channel=channel).said == said


# Against a server that somebody else wrote.
BINDING: Final = b"\x01" * 32
BOUND: Final = Channel(
    encrypted=True, find=lambda _: BINDING, offered=("SCRAM-SHA-256-PLUS",)
)
UNBOUND_OFFER: Final = Channel(
    encrypted=True, find=lambda _: BINDING, offered=("SCRAM-SHA-256",)
)


def _against_scramp(
    mechanism: Scram, channel: Channel, password: str, *, binding: bytes | None = None
) -> Run:
    theirs = scramp.ScramMechanism(mechanism.name)
    info = theirs.make_auth_info(password)
    bound = None if binding is None else ("tls-server-end-point", binding)
    server: Any = theirs.make_server(lambda _: info, channel_binding=bound)
    steps = mechanism.steps(channel)
    done = Run([], [])
    asked = _resumed(lambda: next(steps), steps, done)
    server.set_client_first(bytes(asked).decode())
    first = server.get_server_first().encode()
    asked = _resumed(lambda: steps.send(first), steps, done)
    server.set_client_final(bytes(asked).decode())
    final = server.get_server_final().encode()
    done.said.append(_resumed(lambda: steps.send(final), steps, done))
    done.said.append(_resumed(lambda: steps.send(DONE), steps, done))
    return done


@pytest.mark.parametrize("hash_name", ["SHA-1", "SHA-256", "SHA-512", "SHA3-512"])
@pytest.mark.parametrize("plus", [False, True])
def test_every_scram_agrees_with_another_implementation(
    hash_name: str, plus: bool
) -> None:
    mechanism = Scram("user", "pencil", hash_name, plus=plus, least_iterations=4096)
    binding = BINDING if plus else None
    done = _against_scramp(mechanism, BOUND, "pencil", binding=binding)
    assert done.said == [b"", StopIteration]
    assert mechanism.name == f"SCRAM-{hash_name}{'-PLUS' if plus else ''}"


@given(
    st.text(st.sampled_from("aB=, \u00e9\u00ad\u2168\u00a0z9"), min_size=1, max_size=8),
    st.text(st.sampled_from("aB=, \u00e9\u00ad\u2168\u00a0z9"), min_size=1, max_size=8),
)
def test_names_and_passwords_are_prepared_as_by_another_implementation(
    user: str, password: str
) -> None:
    if "" in (prepared_or_none(user), prepared_or_none(password)):
        with pytest.raises(LocalProtocolError, match="nothing"):
            Scram(user, password)
        return
    done = _against_scramp(Scram(user, password), Channel(), password)
    assert done.said == [b"", StopIteration]


def prepared_or_none(text: str) -> str:
    return str(scramp.utils.saslprep(text))


def test_a_channel_binding_cut_out_of_ehlo_is_noticed_by_the_server() -> None:
    with pytest.raises(scramp.ScramException) as caught:
        _against_scramp(
            Scram("user", "pencil"), UNBOUND_OFFER, "pencil", binding=BINDING
        )
    assert "SERVER_DOES_SUPPORT_CHANNEL_BINDING" in repr(caught.value.server_error)


def test_another_tls_than_the_servers_is_noticed_by_the_server() -> None:
    with pytest.raises(scramp.ScramException) as caught:
        _against_scramp(
            Scram("user", "pencil", plus=True), BOUND, "pencil", binding=b"\2" * 32
        )
    assert "CHANNEL_BINDINGS_DONT_MATCH" in repr(caught.value.server_error)


@pytest.mark.parametrize(
    ("channel", "plus", "header"),
    [
        (Channel(), False, b"n,,"),
        (UNBOUND_OFFER, False, b"y,,"),
        (BOUND, False, b"n,,"),  # the user's choice: -PLUS is there
        (BOUND, True, b"p=tls-server-end-point,,"),
    ],
)
def test_the_flag_says_what_is_known_of_channel_binding(
    channel: Channel, plus: bool, header: bytes
) -> None:
    (first,) = run(Scram("user", "pencil", plus=plus), channel=channel).said
    assert first is not None
    assert first.startswith(header + b"n=user,r=")


def test_scram_says_for_whom_we_speak() -> None:
    (first,) = run(Scram("a=b,c", "pencil", identity="x,y", nonce="N")).said
    assert first == b"n,a=x=2Cy,n=a=3Db=2Cc,r=N"


# What a server may say wrongly, and what the error says of it.
_QUESTION: Final = b"r=NM,s=QSXCR+Q6sek8bf92,i=4096"
BAD: dict[str, tuple[Mechanism, tuple[bytes | None, ...], str]] = {
    "another nonce": (
        Scram("u", "p", nonce="N"),
        (_QUESTION.replace(b"NM", b"XM"),),
        "nonce",
    ),
    "our nonce alone": (
        Scram("u", "p", nonce="N"),
        (_QUESTION.replace(b"NM", b"N"),),
        "nonce",
    ),
    "no salt": (Scram("u", "p", nonce="N"), (b"r=NM,i=4096",), "no salt"),
    "no count": (Scram("u", "p", nonce="N"), (b"r=NM,s=QSXC,i=x",), "no count"),
    "few iterations": (
        Scram("u", "p", nonce="N"),
        (b"r=NM,s=QSXC,i=1",),
        "1 iterations; 4096 to",
    ),
    "endless iterations": (
        Scram("u", "p", nonce="N"),
        (b"r=NM,s=QSXC,i=2000001",),
        "2000001 iterations; 4096 to 2000000 are answered",
    ),
    "a count of many digits": (
        Scram("u", "p", nonce="N"),
        (b"r=NM,s=QSXC,i=99999999999999999999",),
        "99999999999999999999 iterations",
    ),
    "no iterations": (Scram("u", "p", nonce="N"), (b"r=NM,s=QSXC,i=0",), "no count"),
    "a mandatory extension": (
        Scram("u", "p", nonce="N"),
        (b"m=x," + _QUESTION,),
        "mandatory",
    ),
    "garbage": (Scram("u", "p", nonce="N"), (b"\xff\0garbage",), "nonce"),
    "accepted at once": (Scram("u", "p", nonce="N"), (DONE,), "without a proof"),
    "accepted without a signature": (
        Scram("u", "p", nonce="N"),
        (_QUESTION, DONE),
        "impostor",
    ),
    "a wrong signature": (
        Scram("u", "p", nonce="N"),
        (_QUESTION, b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="),
        "impostor",
    ),
    "an empty signature": (Scram("u", "p", nonce="N"), (_QUESTION, b"v="), "impostor"),
    "an error, and then a yes": (
        Scram("u", "p", nonce="N"),
        (_QUESTION, b"e=other-error", DONE),
        "accepted after an error",
    ),
    "CRAM-MD5 without a challenge": (CramMd5("u", "p"), (b"",), "empty"),
    "DIGEST-MD5 without a challenge": (DigestMd5("u", "p"), (b"",), "no nonce"),
    "DIGEST-MD5, no list": (DigestMd5("u", "p"), (b"what?",), "no list"),
    "DIGEST-MD5, two nonces": (
        DigestMd5("u", "p"),
        (b'nonce="a",nonce="b",algorithm=md5-sess',),
        "two of nonce",
    ),
    "DIGEST-MD5, another algorithm": (
        DigestMd5("u", "p"),
        (b'nonce="a",algorithm=md5',),
        "md5-sess",
    ),
    "DIGEST-MD5, layers only": (
        DigestMd5("u", "p"),
        (b'nonce="a",algorithm=md5-sess,qop="auth-conf"',),
        "security layer",
    ),
    "DIGEST-MD5, a wrong rspauth": (
        DigestMd5("u", "p"),
        (_DIGEST, b"rspauth=00000000000000000000000000000000"),
        "impostor",
    ),
    "DIGEST-MD5, accepted without one": (
        DigestMd5("u", "p"),
        (_DIGEST, DONE),
        "impostor",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_server_that_breaks_the_mechanism_is_not_believed(case: str) -> None:
    mechanism, challenges, words = BAD[case]
    with pytest.raises(RemoteProtocolError, match=words):
        run(mechanism, *challenges)


def test_an_error_of_scram_is_told_in_words_and_ends_by_the_servers_refusal() -> None:
    done = run(
        Scram("u", "p", nonce="N"), _QUESTION, b"e=server-does-support-channel-binding"
    )
    assert done.said[-1] == b""
    assert "cut it out of the EHLO reply" in done.notes[0]


@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        (b'{"status":"401","schemes":"bearer"}', "status 401, schemes bearer"),
        (b"[1, 2]", "[1, 2]"),
        (b"\xff no JSON", "\\xff no JSON"),
        (b"[" * 100_000, "[[["),
    ],
)
@pytest.mark.parametrize("kind", [XOAuth2, OAuthBearer])
def test_why_a_token_is_refused_is_told(
    kind: type[XOAuth2 | OAuthBearer], challenge: bytes, words: str
) -> None:
    done = run(kind("u", "t"), challenge)
    assert words in done.notes[0]
    assert len(done.notes[0]) < 600


# What must not be said.
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "NUL in a user name": (lambda: Plain("a\0b", "p"), "RFC 4616"),
    "NUL in a password": (lambda: Plain("a", "hunter\0"), "RFC 4616"),
    "NUL in an identity": (lambda: Plain("a", "p", identity="\0"), "RFC 4616"),
    "NUL for EXTERNAL": (lambda: External("a\0"), "RFC 4422"),
    "NUL for CRAM-MD5": (lambda: CramMd5("a\0", "p"), "RFC 2195"),
    "NUL for DIGEST-MD5": (lambda: DigestMd5("a", "p", realm="\0"), "RFC 2831"),
    "NUL for SCRAM": (lambda: Scram("a\0", "hunter"), "control character"),
    "a control in a password": (lambda: Scram("a", "hunter\x07"), "control character"),
    "both directions": (lambda: Scram("a", "hunter\u0627"), "both directions"),
    "no user": (lambda: Scram("", "hunter"), "empty"),
    "no password": (lambda: Scram("a", ""), "nothing"),
    "another hash": (lambda: Scram("a", "hunter", "MD5"), "SHA-256"),
    "a field's end in a name": (lambda: XOAuth2("a\1b", "t"), r"U\+0001"),
    "a line end in a token": (lambda: XOAuth2("a", "hunter\n"), "line end"),
    "a space in a token": (lambda: OAuthBearer("a", "Bearer hunter"), "space"),
    "no user of PLAIN": (lambda: Plain("", "hunter"), "user name is empty .RFC 4616"),
    "no password of PLAIN": (lambda: Plain("a", ""), "password is empty .RFC 4616"),
    "no user of XOAUTH2": (lambda: XOAuth2("", "hunter"), "user name is empty"),
    "no token": (lambda: OAuthBearer("a", ""), "empty"),
    "a long trace": (lambda: Anonymous("a" * 256), "RFC 4505 section 2"),
    "a callable that returns none": (
        lambda: run(XOAuth2("a", lambda: None)),  # type: ignore[arg-type,return-value]
        "returned NoneType",
    ),
    "-PLUS without TLS": (
        lambda: run(Scram("a", "hunter", plus=True)),
        "no TLS to bind to",
    ),
    "half a surrogate": (lambda: Plain("a\ud800", "p"), "Unicode"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_must_not_be_said_is_refused_in_words(case: str) -> None:
    make, words = REFUSED[case]
    with pytest.raises(LocalProtocolError, match=words) as caught:
        make()
    for frame in caught.traceback:
        if "smtpnb" in str(frame.path) and "tests" not in str(frame.path):
            assert "hunter" not in repr(frame.frame.f_locals)
    assert "hunter" not in str(caught.value)


_MAKERS: Final[list[Callable[[Any], object]]] = [
    lambda bad: Plain(bad, "p"),
    lambda bad: Plain("u", bad),
    lambda bad: Plain("u", "p", identity=bad),
    lambda bad: Login(bad, "p"),
    lambda bad: CramMd5(bad, "p"),
    lambda bad: DigestMd5("u", "p", realm=bad),
    lambda bad: Scram(bad, "p"),
    lambda bad: Scram("u", bad),
    lambda bad: Scram("u", "p", bad),
    lambda bad: Scram("u", "p", nonce=bad),
    lambda bad: XOAuth2(bad, "t"),
    lambda bad: OAuthBearer("u", bad),
    External,
    Anonymous,
]


@pytest.mark.parametrize("bad", [None, 5, b"octets", ["list"]], ids=type)
@pytest.mark.parametrize("make", _MAKERS)
def test_what_is_no_text_is_refused_in_words(
    make: Callable[[Any], object], bad: object
) -> None:
    with pytest.raises(LocalProtocolError):
        make(bad)


def test_a_token_is_fetched_anew_each_time() -> None:
    tokens = iter(["first", "second"])
    mechanism = XOAuth2("me", lambda: next(tokens))
    assert [b"first" in (run(mechanism).said[0] or b"") for _ in "12"] == [True, False]
    assert [bytes(secret) for secret in mechanism.secrets()] == [b"second"]


@pytest.mark.parametrize(
    ("text", "made"),
    [  # RFC 4013 section 3
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u0007", None),
        ("\u0627\u0031", None),
    ],
)
def test_saslprep_does_its_examples(text: str, made: str | None) -> None:
    if made is not None:
        assert prepared("name", text) == made
        return
    with pytest.raises(LocalProtocolError):
        prepared("name", text)


@given(st.binary(max_size=200), st.binary(max_size=200))
@pytest.mark.parametrize(
    "make",
    [
        lambda: Plain("u", "p"),
        lambda: Login("u", "p"),
        lambda: CramMd5("u", "p"),
        lambda: DigestMd5("u", "p"),
        lambda: Scram("u", "p"),
        lambda: XOAuth2("u", "t"),
        lambda: OAuthBearer("u", "t"),
        External,
        Anonymous,
    ],
)
def test_whatever_a_server_says_ends_in_an_answer_or_our_error(
    make: Callable[[], Mechanism], first: bytes, second: bytes
) -> None:
    try:
        run(make(), first, second)
    except SmtpError as error:
        assert isinstance(error, RemoteProtocolError)  # noqa: PT017
