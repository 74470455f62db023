"""The words of the command line: swaks's everyday options, by swaks's names.

What swaks means by an option is kept, but for three things: a password never stands on
the line, where everybody on the machine can read it; one mechanism of AUTH is tried,
not one after the other; and the server is named, never guessed from the recipient.

What the words ask for is read by `order`.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

ASK: Final = "\0ask"  # an option without its value: the user is asked


class Protocol(NamedTuple):
    """What a name after --protocol stands for."""

    hello: str  # "EHLO" (HELO where that is refused), "HELO" or "LHLO"
    port: int
    tls: str = ""  # "", "starttls" or "implicit"
    auth: bool = False


PROTOCOLS: Final = {
    "SMTP": Protocol("HELO", 25),
    "SMTPS": Protocol("HELO", 465, "implicit"),
    "SSMTP": Protocol("EHLO", 465, "implicit"),
    "SSMTPA": Protocol("EHLO", 465, "implicit", auth=True),
    "ESMTP": Protocol("EHLO", 25),
    "ESMTPA": Protocol("EHLO", 25, auth=True),
    "ESMTPS": Protocol("EHLO", 25, "starttls"),
    "ESMTPSA": Protocol("EHLO", 25, "starttls", auth=True),
    "LMTP": Protocol("LHLO", 24),
    "LMTPA": Protocol("LHLO", 24, auth=True),
    "LMTPS": Protocol("LHLO", 24, "starttls"),
    "LMTPSA": Protocol("LHLO", 24, "starttls", auth=True),
}


class Parser(argparse.ArgumentParser):
    """swaks leaves by 1 where a line cannot be read."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the line, and leave."""
        name = self.prog
        self.exit(1, f"{name}: {message}\n({name} --help shows every option)\n")


def _group(parser: argparse.ArgumentParser, title: str) -> Callable[..., Any]:
    return parser.add_argument_group(title).add_argument


def _add_target(add: Callable[..., Any]) -> None:
    add("-s", "--server", nargs="?", const=ASK, metavar="HOST[:PORT]")
    named = "a number, or smtp, lmtp, submission, submissions"
    add("-p", "--port", nargs="?", const=ASK, help=named)
    add("--socket", metavar="PATH", help="a unix-domain socket instead of a server")
    add("--protocol", default="ESMTP", help=f"one of {', '.join(PROTOCOLS)}")
    add("--timeout", default="30", help="seconds, or 5s, 3m, 1h; 0 for no limit")


def _add_session(add: Callable[..., Any]) -> None:
    add("-t", "--to", nargs="?", const=ASK, metavar="ADDRESS[,ADDRESS...]")
    add("-f", "--from", nargs="?", const=ASK, dest="sender", metavar="ADDRESS")
    hello = ("-h", "--helo", "--ehlo", "--lhlo")
    add(*hello, nargs="?", const=ASK, dest="identity", metavar="NAME")
    add("--pipeline", action="store_true", help="one group for MAIL, RCPT and DATA")
    add("--prdr", action="store_true", help="a reply for each recipient")
    stop = {"type": str.upper, "metavar": "STEP"}
    add("-q", "--quit", "--quit-after", dest="quit_after", help="QUIT then", **stop)
    add("-da", "--da", "--drop-after", dest="drop_after", help="no QUIT", **stop)
    send = ("-das", "--das", "--drop-after-send")
    add(*send, dest="drop_after_send", help="do not wait for its reply", **stop)


def _add_tls(add: Callable[..., Any]) -> None:
    yes = {"action": "store_true"}
    add("-tls", "--tls", help="STARTTLS, or give up", **yes)
    optional = ("-tlso", "--tls-optional", "-tlsos", "--tls-optional-strict")
    add(*optional, dest="tls_optional", help="STARTTLS where it is offered", **yes)
    implicit = ("-tlsc", "--tls-on-connect")
    add(*implicit, dest="tls_on_connect", help="TLS from the first octet", **yes)
    add("--tls-verify", help="give up where the certificate does not verify", **yes)
    add("--tls-ca-path", metavar="PATH", help="the CA to trust: a file or a folder")
    add("--tls-sni", metavar="NAME", help="the name that the certificate must carry")
    add("--tls-cert", metavar="FILE", help="our certificate, PEM")
    add("--tls-key", metavar="FILE", help="its key, PEM")
    versions = "tlsv1_2,tlsv1_3, or no_tlsv1_3"
    add("-tlsp", "--tls-protocol", metavar="VERSION[,VERSION...]", help=versions)
    add("--tls-cipher", metavar="CIPHERS", help="in OpenSSL's words")


def _add_auth(add: Callable[..., Any]) -> None:
    kinds = {"nargs": "?", "const": "", "metavar": "MECHANISM[,MECHANISM...]"}
    add("-a", "--auth", help="authenticate, or give up", **kinds)
    add("-ao", "--auth-optional", help="go on without", **kinds)
    strict = ("-aos", "--auth-optional-strict")
    add(*strict, help="go on only where it is not offered", **kinds)
    add("-au", "--auth-user", nargs="?", const=ASK, metavar="NAME")
    password = ("-ap", "--auth-password")
    add(*password, nargs="?", const=ASK, metavar="@FILE", help="alone: it is asked")
    add("--auth-password-env", metavar="VARIABLE", help="the variable that holds it")
    add("--auth-password-keyring", metavar="SERVICE", help="the keyring holds it")
    hide = "always, whatever stands in its place"
    add("-ahp", "--auth-hide-password", nargs="?", const="", metavar="TEXT", help=hide)
    clear = ("--allow-cleartext-auth",)
    add(*clear, action="store_true", help="send a password without TLS")


class _InOrder(argparse.Action):
    """Keeps the order of options that act on what comes after them, by their names."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        del parser, option_string
        before = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*before, (self.metavar, values)])


_ATTRIBUTES: Final = {
    "addr": "ADDR",
    "name": "NAME",
    "port": "PORT",
    "proto": "PROTO",
    "destaddr": "DESTADDR",
    "destport": "DESTPORT",
    "helo": "HELO",
    "login": "LOGIN",
    "reverse-name": "REVERSE_NAME",
}


def _add_before(add: Callable[..., Any]) -> None:
    for option, attribute in _ATTRIBUTES.items():
        where = {"dest": "xclient", "metavar": attribute}
        add(f"--xclient-{option}", action=_InOrder, **where)
    add("--xclient", action=_InOrder, metavar="ATTRIBUTES", help="sent as they are")
    delim = {"dest": "xclient", "metavar": "|", "nargs": 0}
    add("--xclient-delim", action=_InOrder, help="begin another XCLIENT", **delim)
    yes = {"action": "store_true"}
    add("--xclient-optional", **yes)
    add("--xclient-optional-strict", **yes)
    add("--xclient-no-verify", help="also what was not announced", **yes)
    add("--xclient-before-starttls", **yes)
    add("--proxy", metavar="TEXT", help="what follows PROXY, as it is")
    add("--proxy-family", metavar="FAMILY", help="that of the addresses, always")
    add("--proxy-protocol", choices=("STREAM",), help="of version 2")
    for word in ("source", "source-port", "dest", "dest-port"):
        add(f"--proxy-{word}", metavar=word.upper())
    add("--proxy-version", choices=("1", "2"), default="1")
    add("--proxy-command", choices=("LOCAL", "PROXY"), default="PROXY")


def _add_message(add: Callable[..., Any]) -> None:
    file = "TEXT, @FILE or -"
    add("-d", "--data", nargs="?", const=ASK, metavar=file)
    add("-g", action="store_true", dest="data_from_stdin", help="as --data -")
    add("--body", nargs="?", const=ASK, metavar=file)
    part = {"action": _InOrder, "dest": "parts"}
    add("--attach", metavar="attach", help=file, **part)
    add("--attach-body", metavar="body", help=file, **part)
    add("--attach-type", metavar="type", help="of the next part", **part)
    add("--attach-name", metavar="name", help="of the next part", **part)
    more = {"action": "append", "default": []}
    add("-ah", "--add-header", metavar="'NAME: TEXT'", **more)
    header = "also --h-NAME TEXT; replaces one of that name"
    add("--header", metavar="'NAME: TEXT'", help=header, **more)
    yes = {"action": "store_true"}
    add("-ndf", "--no-data-fixup", help="send --data as it is", **yes)
    add("-nsf", "--no-strip-from", help="keep a first line 'From ...'", **yes)
    add("--convert", help="re-encode what the server could not be given", **yes)
    lax = "send also what the server did not offer or could not bear"
    add("--lax", help=lax, **yes)


def _add_output(add: Callable[..., Any]) -> None:
    yes = {"action": "store_true"}
    add("-n", "--suppress-data", help="count the content, do not show it", **yes)
    add("-stl", "--show-time-lapse", help="seconds until each reply", **yes)
    for letter, word in (("r", "receive"), ("s", "send"), ("i", "info")):
        long = "informational" if word == "info" else word
        add(f"-h{letter}", f"--hide-{long}", dest=f"hide_{word}", **yes)
        hints = f"--no-{word}-hints"
        add(f"-n{letter}h", hints, dest=f"no_{word}_hints", help="no signs", **yes)
    add("-ha", "--hide-all", **yes)
    add("-nth", "--no-hints", **yes)
    add("-S", "--silent", nargs="?", const="1", default="0", choices=("1", "2", "3"))
    add("--dump-mail", help="show the message, send nothing", **yes)
    add("--json", help="tell it all as one JSON object instead", **yes)
    add("--save", metavar="FILE", help="keep the transcript (.parquet, .jsonl)")
    add("--help", action="help", help="this text")


def parser_of_words() -> argparse.ArgumentParser:
    """Return the parser of all options."""
    parser = Parser(
        prog="smtpnb",
        usage="smtpnb --server HOST --to ADDRESS [OPTIONS]\n"
        "       smtpnb explain ['550 5.1.1 ...']\n"
        "       smtpnb lint HOST[:PORT]\n"
        "       smtpnb sandbox [OPTIONS]",
        description="One session with a mail server, shown as it is. The options are "
        "swaks's; a password never stands on the line.",
        epilog="Leaves by 0 if all was accepted, the message for one recipient at "
        "least; else by swaks's code of the step: 2 connect, 6 lost, 21 greeting, 22 "
        "hello, 23 MAIL, 24 no recipient, 25 DATA, 26 end of data, 27 QUIT, 28 AUTH, "
        "29 TLS, 30 PRDR, 32 hello in TLS, 33 XCLIENT, 34 hello after it, 36 PROXY; 1 "
        "for a line that cannot be read.",
        add_help=False,
        allow_abbrev=False,
    )
    _add_target(_group(parser, "the server"))
    _add_session(_group(parser, "the session"))
    _add_tls(_group(parser, "TLS"))
    _add_auth(_group(parser, "authentication"))
    _add_before(_group(parser, "XCLIENT and PROXY"))
    _add_message(_group(parser, "the message"))
    _add_output(_group(parser, "what is shown"))
    return parser
