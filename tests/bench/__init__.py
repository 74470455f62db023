"""Benchmarks: plain scripts that print tables; run by hand with `make bench`.

Timings vary with the machine, so everything is compared in one run, interleaved, and
told as the median of the ratios of pairs. Counts that noise cannot touch are tests.
"""
