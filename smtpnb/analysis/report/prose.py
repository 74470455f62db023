"""Words that stand in the prose of every server, and in every dialogue.

Whoever is called so ("a@b.example", "end@b.example") is replaced where a text marks him
as a name, and not where it says "End data with a line ...".

This module knows nothing of names.
"""

from __future__ import annotations

from typing import Final

_VERBS: Final = (
    "8bitmime atrn auth bdat binarymime body burl chunking cram data deliverby dsn "
    "ehlo enhancedstatuscodes envid esmtp etrn expn external future gssapi helo help "
    "last lhlo limits lmtp login mail md5 mt-priority noop notify ntlm oauthbearer "
    "orcpt pipelining plain prdr proxy quit rcpt requiretls ret rrvs rset scram sha "
    "size smtp smtputf8 starttls tls vrfy xclient xforward xoauth2"
)
_SHORT: Final = (
    "about after again all also am an and any are as at back be been being both but "
    "by can could day days did do does done dot down each end ends for from get go "
    "good has have he her here him his hour hours how i ie if in into is it its just "
    "let less long me min minute minutes more most much must my need no non nor not "
    "now of off oh ok old on one only or other our out over own per read ready same "
    "second seconds see send set she should so some soon such sure than that the "
    "their them then there these they this those time times to try two under until up "
    "upon us use used via was wait way we well were what when where which while who "
    "why will with within without word would yes yet you"
)
_SAID: Final = (
    "abuse accept accepted access account action address addresses administrator "
    "ahead alias allowed already answer authenticated authentication bad banned "
    "because before begin block blocked blocking busy buffer bye bytes cannot "
    "certificate challenge channel check clear client close closed closing cluster "
    "code command commands complete completed config configuration connect connected "
    "connection contact content continue current currently database date deferred "
    "delayed deliver delivered delivery denied dependent different disabled "
    "disconnect disk dns domain domains email empty enabled encryption enough enter "
    "error errors exceeded exim exist exists expected expired external failed failure "
    "file filter first format found free full gateway generic goodbye greylisted "
    "greylisting group header hello host hostname hosts id illegal implemented "
    "incoming information input insufficient interim internal invalid ip key known "
    "large later level limit limited line lines link list listed local locally lookup "
    "loop lost mailbox maintenance maximum message messages method missing mode "
    "multiple name network new next number object octets offered open operation "
    "option order parameter parameters part password path peer pending permanent "
    "permitted please pleased point policy poor port postfix postmaster problem "
    "process protocol queue queued quota rate reason receive received receiver "
    "recipient recipients refused reject rejected relay relaying remote reply "
    "reputation request requested required reset resource resources result resume "
    "retry return reverse route rule running script secure security self sender "
    "sendmail sent sequence server servers service session sessions shutdown site "
    "sorry source space spam start started state status storage storing string "
    "success successful suspicious syntax system systems table target temporarily "
    "temporary test text thanks throttled timeout token too total transaction "
    "transmission transparent type unable unavailable unknown unrecognized "
    "unsolicited update user users valid verify version virus warning welcome your"
)
# Words before which a colon names nobody: "Ok: queued".
_BEFORE_COLONS: Final = (
    "and code denied error errors failed failure for from id ok reason see sorry "
    "status success to try warning with"
)
HEADS: Final = frozenset(_BEFORE_COLONS.split())
PROSE: Final = frozenset(f"{_VERBS} {_SHORT} {_SAID}".split())


def is_prose(word: str) -> bool:
    """Return whether a word is one of them; a letter or a short number is as well."""
    lower = word.lower()
    return lower in PROSE or (len(lower) < 4 and (len(lower) == 1 or lower.isdigit()))
