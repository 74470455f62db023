"""The variants as data: where, what it says, what it says instead, who must notice.

Each is a mistake that real clients made, or a shortcut that somebody will be tempted
to take. `was` must stand in its file exactly once.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Variant(NamedTuple):
    """One way to break a promise.

    Attributes:
        name: What is broken.
        file: Below smtpnb/.
        was: The text that is replaced.
        becomes: The text that replaces it.
        tests: Arguments for pytest; at least one of these tests must fail.
    """

    name: str
    file: str
    was: str
    becomes: str
    tests: str


HOSTILE: Final = "tests/hostile/"
VARIANTS: Final = (
    Variant(
        "no look at the buffer behind the 220 to STARTTLS",
        "wire/engine.py",
        """            self.refuse_surplus(" behind its 220 to STARTTLS (an injection?)")
""",
        """            self._parser = ReplyParser(self.redactor)
""",
        f"{HOSTILE}test_tls.py",
    ),
    Variant(
        "any success begins TLS",
        "wire/engine.py",
        "if reply.code != 220:",
        "if not reply.ok:",
        f"{HOSTILE}test_tls.py",
    ),
    Variant(
        "what was offered in clear is kept under TLS",
        "protocol/session.py",
        """        self.encrypted = True
        self.authenticated = False
        self.capabilities = Capabilities()
""",
        """        self.encrypted = True
        self.authenticated = False
""",
        f"{HOSTILE}test_tls.py tests/protocol/test_session.py",
    ),
    Variant(
        "certificates are not verified",
        "wire/tls.py",
        """return looking() if self.verify == "report" else""",
        """return looking() if self.verify else""",
        f"{HOSTILE}test_tls.py",
    ),
    Variant(
        "a polite close on cancel",
        "wire/stream.py",
        """            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._sock.close()
""",
        """            self._sock.shutdown(socket.SHUT_WR)
        self._sock.close()
""",
        f"{HOSTILE}test_tls.py {HOSTILE}test_replies.py tests/client",
    ),
    Variant(
        "a timeout for each read",
        "wire/link.py",
        "yield from stream.read(deadline)",
        "yield from stream.read(max(deadline, now() + 0.2))",
        f"{HOSTILE}test_replies.py -k drip",
    ),
    Variant(
        "cancel is looked at only between commands",
        "wire/drive.py",
        """            if token.requested:
                wait = steps.throw""",
        """            if token.requested and not wait.fds:
                wait = steps.throw""",
        f"{HOSTILE}test_replies.py -k cancel_ends",
    ),
    Variant(
        "surplus is taken for the next reply",
        "wire/engine.py",
        """        self.refuse_surplus()
        self.exchange += 1
""",
        """        self.exchange += 1
""",
        f"{HOSTILE}test_replies.py",
    ),
    Variant(
        "the socket is not looked at before a command",
        "wire/link.py",
        """        fed = self._feed(self.connection.take())
        if fed == 0 and""",
        """        fed = self._feed(None)
        if fed == 0 and""",
        f"{HOSTILE}test_replies.py",
    ),
    Variant(
        "two codes in one reply are one reply",
        "protocol/replies.py",
        "elif code != self._code:",
        "elif code[:1] != self._code[:1]:",
        f"{HOSTILE}test_replies.py tests/protocol/test_replies.py",
    ),
    Variant(
        "no bound on the lines of a reply",
        "protocol/replies.py",
        "elif self._lines > MAX_LINES:",
        "elif self._lines > MAX_LINES * 100:",
        "tests/protocol/test_replies.py",
    ),
    Variant(
        "no bound on a reply",
        "protocol/replies.py",
        "MAX_REPLY: Final = 64 * 1024",
        "MAX_REPLY: Final = 64 * 1024 * 1024",
        f"{HOSTILE}test_memory.py tests/protocol/test_replies.py",
    ),
    Variant(
        "any three digits are a code",
        "protocol/replies.py",
        """            and b"200" <= code < b"600"
""",
        "",
        f"{HOSTILE}test_replies.py tests/protocol/test_replies.py",
    ),
    Variant(
        "after the dot the outcome is not unknown",
        "wire/engine.py",
        "taken = self.end_at is not None and self.sent > self.end_at",
        "taken = False",
        f"{HOSTILE}test_replies.py",
    ),
    Variant(
        "a refusal in mid message is not listened for",
        "wire/transfer.py",
        """            stopped = engine.spoken_to() or not (
                yield from stream.write(view, deadline, listen=True)
            )
""",
        """            stopped = not (yield from stream.write(view, deadline, listen=False))
""",
        f"{HOSTILE}test_arguments.py tests/client -k early_or_senseless_or_middle",
    ),
    Variant(
        "a bare CR stays in a message",
        "protocol/content.py",
        "if only_crlf(octets):",
        r'if b"\r\n" in octets:',
        f"{HOSTILE}test_arguments.py tests/protocol/test_content.py",
    ),
    Variant(
        "the first dot is not doubled",
        "protocol/content.py",
        'if at_line_start and octets.startswith(b"."):',
        "if at_line_start and not octets:",
        f"{HOSTILE}test_arguments.py tests/protocol/test_content.py",
    ),
    Variant(
        "NUL is sent",
        "protocol/content.py",
        r'if b"\0" in octets:',
        r'if octets == b"\0":',
        f"{HOSTILE}test_arguments.py",
    ),
    Variant(
        "control characters pass into a command",
        "protocol/line.py",
        """    if unsafe is not None:
""",
        """    if unsafe is not None and len(text) > MAX_COMMAND_LINE:
""",
        f"{HOSTILE}test_arguments.py tests/protocol/test_commands.py",
    ),
    Variant(
        "the password in clear without being asked for",
        "wire/authenticate.py",
        "if not engine.session.encrypted and not allow_cleartext:",
        "if allow_cleartext is None:",
        f"{HOSTILE}test_arguments.py {HOSTILE}test_tls.py",
    ),
    Variant(
        "secrets are found by a pattern",
        "protocol/secret.py",
        """        if not self._forms:
            return octets
""",
        """        if not self._forms or octets:
            return re.sub(rb"[A-Za-z0-9+/]{20,}={0,2}", b"<secret>", octets)
""",
        f"{HOSTILE}test_arguments.py -k echoed",
    ),
    Variant(
        "the octets of a server stand where an error is raised",
        "protocol/replies.py",
        """        end = self._find_end() if self._fault is None else 0
        if""",
        """        end = self._find_end() if self._fault is None else 0
        said = bytes(self._buffer)
        if said and""",
        f"{HOSTILE}test_secrets.py -k local",
    ),
    Variant(
        "challenges without end",
        "wire/authenticate.py",
        "MAX_CHALLENGES: Final = 16",
        "MAX_CHALLENGES: Final = 1600",
        f"{HOSTILE}test_arguments.py",
    ),
    Variant(
        "characters of a server act in a terminal",
        "text.py",
        """    if text.isascii() and text.isprintable():
        return text
""",
        """    if text.isascii():
        return text
""",
        "tests/test_text.py",
    ),
    Variant(
        "markup of a server acts in a notebook",
        "text.py",
        "return escape(for_terminal(text, newlines=newlines), quote=True)",
        "return for_terminal(text, newlines=newlines)",
        "tests/test_text.py tests/transcript/test_views.py",
    ),
    Variant(
        "characters of a server act in a frame",
        "transcript/spread.py",
        "return [value and for_terminal(value, newlines=True) for value in values]",
        "return list(values)",
        "tests/transcript/test_store.py",
    ),
    Variant(
        "a reply is a formula in a spreadsheet",
        "text.py",
        """return f"'{shown}" if acts else shown""",
        "return shown",
        "tests/transcript/test_export.py",
    ),
    Variant(
        "a child of fork uses the connection of its parent",
        "wire/cancel.py",
        "return self._process == os.getpid()",
        "return self._process > 0",
        f"{HOSTILE}test_fork.py",
    ),
    Variant(
        "any text is the name of a server",
        "protocol/names.py",
        "if len(name) > MAX_NAME or not",
        "if len(name) > 10**9 and not",
        f"{HOSTILE}test_arguments.py -k hostname",
    ),
    Variant(
        "a frame is typeset",
        "transcript/schema.py",
        '    pd.set_option("display.html.use_mathjax", False)\n',
        "",
        "tests/transcript/test_latex.py",
    ),
    Variant(
        "a worker that dies leaves the panel busy",
        "notebook/worker.py",
        "except BaseException as error:",
        "except Exception as error:",
        f"{HOSTILE}test_death.py -k noop",
    ),
    Variant(
        "a bad line is cut to length before its secrets are",
        "protocol/replies.py",
        "shown = self._redactor.cut(bytes(self._buffer[start:end]))",
        "shown = bytes(self._buffer[start:end])",
        "tests/fuzz -k known",
    ),
    Variant(
        "a transcript is for everybody",
        "files.py",
        "_OWNER: Final = 0o600",
        "_OWNER: Final = 0o666",
        "tests/test_files.py",
    ),
    Variant(
        "a file is written through a link",
        "files.py",
        "    if not stat.S_ISREG(mode):\n        raise FileExistsError",
        "    if stat.S_ISDIR(mode):\n        raise FileExistsError",
        "tests/test_files.py",
    ),
    Variant(
        "no RSET between the messages of a window",
        "wire/by_window.py",
        "batch.add(job, reset=bool(batch.messages) or self._needs_reset)",
        "batch.add(job, reset=False)",
        "tests/sending/test_stream.py",
    ),
    Variant(
        "a message whose end left is aborted, not unknown",
        "wire/courier.py",
        "REFUSED if said_no else UNKNOWN if taken else ABORTED",
        "REFUSED if said_no else ABORTED",
        "tests/sending/test_stream.py",
    ),
    Variant(
        "content is sent though no recipient was accepted",
        "wire/bodies.py",
        "if not delivery.wanted:",
        "if not delivery:",
        "tests/sending/test_stream.py",
    ),
    Variant(
        "the window has no bound",
        "wire/by_window.py",
        "while self.n_due and self.n_due + n > self._window:",
        "while False:",
        "tests/sending/test_stream.py",
    ),
    Variant(
        "a run of replies is granted whatever it says",
        "protocol/session.py",
        'granted = last < b"4" and max(replies[:-1], default=b"") < b"3"',
        "granted = True",
        "tests/protocol/test_group.py",
    ),
    Variant(
        "a fault behind good replies is forgotten",
        "protocol/replies.py",
        "end = self._find_end() if self._fault is None else 0",
        "end = self._find_end()",
        "tests/protocol/test_group.py",
    ),
    Variant(
        "a group does not read while it writes",
        "wire/link.py",
        """                yield from stream.either(deadline)
                self.read_now()
""",
        """                yield from stream.either(deadline)
""",
        "tests/sending/test_stream.py -k deadlock",
    ),
    Variant(
        "the last chunk does not wait for the others",
        "wire/bodies.py",
        """    yield from courier.read_all()
    if delivery.ended:
""",
        """    if delivery.ended:
""",
        "tests/sending/test_content.py",
    ),
    Variant(
        "what report lets through is judged by nobody",
        "wire/tls.py",
        "error = verdict(judge, chain, host)",
        "error = None",
        "tests/wire/test_tls.py",
    ),
    Variant(
        "a context that checks no name verifies",
        "wire/tls.py",
        "elif not context.check_hostname:",
        "elif context is None:",
        "tests/client/test_tls.py",
    ),
    Variant(
        "the name in the subject counts",
        "wire/trust.py",
        "hostname_checks_common_name = False",
        "hostname_checks_common_name = True",
        "tests/wire/test_tls.py",
    ),
    Variant(
        "a CA is known by its path",
        "wire/trust.py",
        "def trusting(",
        "@lru_cache\ndef trusting(",
        "tests/wire/test_tls.py",
    ),
    Variant(
        "what cryptography cannot read ends the session",
        "wire/certificates.py",
        "        except BaseException as error:\n",
        "        except (OSError, ValueError) as error:\n",
        "tests/wire/test_certificates.py tests/wire/test_tls.py",
    ),
    Variant(
        "a name is looked up by one standard and verified by another",
        "protocol/names.py",
        """else idna.encode(label, uts46=True).decode("ascii")""",
        """else (idna.encode(label, uts46=True), label.encode("idna"))[1].decode()""",
        "tests/protocol/test_names.py tests/client/test_tls.py",
    ),
    Variant(
        "a cancel before the first wait wakes nobody",
        "wire/cancel.py",
        "            if self.requested:\n                pipe.wake()\n",
        "",
        "tests/wire/test_cancel_token.py",
    ),
    Variant(
        "a child of fork keeps a look-up waiting",
        "wire/helper.py",
        """                os.write(self._write, b"!")""",
        "                pass",
        "tests/wire/test_helper.py",
    ),
    Variant(
        "a call abandoned in the queue is made all the same",
        "wire/helper.py",
        "            if job not in self._queue:",
        "            if job:",
        "tests/wire/test_helper.py",
    ),
)
