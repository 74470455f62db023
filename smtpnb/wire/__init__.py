"""Sockets, TLS, DNS, time and threads: everything that can wait.

The steps are generators that yield a `Wait` whenever they would block; only the
drivers in `drive` really wait.
"""
