"""Octets that a fuzzer thinks up, against everything that reads what a server says."""
