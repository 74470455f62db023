"""The words of SMTP: octets in, replies out.

No module below this one opens a socket, reads a clock, starts a thread or builds a
table. That is why every rule of the protocol can be tested with a list of octets.
"""
