"""Variants of smtpnb that break a promise, and the tests that must notice."""
