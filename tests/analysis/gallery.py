"""Every picture of every number of hosts: for tests, and to be looked at.

    python -m tests.analysis.gallery FOLDER     # writes them as PNG

The hosts have long names of which only the middle differs, one of a script that few
fonts have; some refuse, are slow, do no TLS or do not answer.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smtpnb import Transcript, analysis
from smtpnb.analysis import figure
from smtpnb.wire import record as log
from tests.transcript.logs import EHLO, FACTS, Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from smtpnb.wire.record import Record

NUMBERS: Final = (0, 1, 24, 300)
THEMES: Final = ("light", "dark")
_REFUSALS: Final = (
    b"550 5.1.1 no such user\r\n",
    b"451 4.7.1 greylisted, try again in 300 seconds\r\n",
    b"554 5.7.1 blocked by our list $x_{1}$\r\n",
    b"452 4.2.2 mailbox full\r\n",
    b"421 4.7.0 too many connections from you\r\n",
)


def host(at: int) -> str:
    """The name of a host."""
    if at == 3:
        return "mx.\u4f8b\u3048.example"
    return f"mx-outbound-of-a-provider-{at:03d}-in-some-region.mail.example.com"


def fleet(n: int, *, later: int = 0) -> Transcript:
    """Three sessions with each of `n` hosts, spread over a day and a half."""
    chance = random.Random(n + later)
    return Transcript(
        [_session(chance, at, turn, later) for at in range(n) for turn in range(3)]
    )


def _session(chance: random.Random, at: int, turn: int, later: int) -> Record:
    talk = Log(host(at), 25)
    talk.record.wall_ns += round((turn * 12 + chance.random() * 12 + later) * 3.6e12)
    talk.resolve(chance.expovariate(1 / 5))
    if at % 17 == 5:
        talk.connect(30, "Connection refused")
        talk.error("connect", "ConnectError", "192.0.2.1: Connection refused")
        return talk.close("lost")
    talk.connect(chance.expovariate(1 / 30))
    talk.greeting()
    slow = 1 + 9 * (at % 7 == 2) + later / 10
    talk.say("ehlo", b"EHLO client.test\r\n", EHLO, wait=slow * 5)
    if at % 3:
        talk.say("starttls", b"STARTTLS\r\n", b"220 2.0.0 Go ahead\r\n")
        facts = FACTS | {"version": "TLSv1.2" if at % 5 == 1 else "TLSv1.3"}
        talk.record.add(log.TLS, talk.now, talk.wait(20), facts, None)
        offer = EHLO.replace(b"SIZE 200000", b"SIZE 52428800\r\n250-8BITMIME")
        talk.say("ehlo", b"EHLO client.test\r\n", offer, wait=slow * 5)
    refusal = _REFUSALS[at % len(_REFUSALS)]
    talk.say("mail", b"MAIL FROM:<a@client.test>\r\n", b"250 2.1.0 Ok\r\n", slow * 8)
    answer = refusal if (at + turn + later) % 4 == 0 else b"250 2.1.5 Ok\r\n"
    wait = slow * chance.expovariate(1 / 20)
    talk.say("rcpt", b"RCPT TO:<b@example.test>\r\n", answer, wait)
    talk.say("data", b"DATA\r\n", b"354 End data with a dot\r\n", slow)
    talk.content(4_000, 60)
    if at % 11 == 7:
        talk.dot()
        talk.wait(600)
        talk.error("eod", "DeadlineExceeded", "no reply in 0.6 s", "unknown")
        return talk.close("abort")
    accepted = b"250 2.0.0 Ok: queued as %06X\r\n" % chance.getrandbits(24)
    talk.reply(accepted, talk.dot(), wait=slow * chance.expovariate(1 / 200))
    talk.say("quit", b"QUIT\r\n", b"221 2.0.0 Bye\r\n")
    return talk.close()


def _compare(found: Transcript, **how: Any) -> Figure:
    n = sum(1 for _ in found._records) // 3
    return analysis.plot_compare(found, fleet(n, later=30), **how)


def _by(picture: Callable[..., Figure], **by: Any) -> Callable[..., Figure]:
    def draw(found: Transcript, **how: Any) -> Figure:
        return picture(found, **by, **how)

    return draw


PICTURES: Final[dict[str, Callable[..., Figure]]] = {
    "anomalies": analysis.plot_anomalies,
    "capabilities": analysis.plot_capabilities,
    "classify": analysis.plot_classify,
    "compare": _compare,
    "latency": analysis.plot_latency,
    "latency_by_hour": analysis.plot_latency_by_hour,
    "latency_ecdf": analysis.plot_latency_ecdf,
    "latency_ecdf_by_host": _by(analysis.plot_latency_ecdf, by="host"),
    "lint": analysis.plot_lint,
    "posture": analysis.plot_posture,
    "reply_codes": analysis.plot_reply_codes,
    "slo": analysis.plot_slo,
    "slowest": analysis.plot_slowest,
    "timeline": analysis.plot_timeline,
    "waterfall": analysis.plot_waterfall,
}


def main(folder: Path) -> None:
    """Write all of them as PNG, the dark ones of 24 hosts only."""
    folder.mkdir(exist_ok=True)
    for n in NUMBERS:
        found = fleet(n)
        for name, picture in PICTURES.items():
            if name == "waterfall" and not n:
                continue  # of no session there is none
            for theme in THEMES if n == 24 else THEMES[:1]:
                path = folder / f"{name}-{n}-{theme}.png"
                picture(found, theme=theme).savefig(path, dpi=figure.DPI)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
