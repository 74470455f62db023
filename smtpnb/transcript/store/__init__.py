"""Transcripts on disk: files, runs of many files, questions to them, tables for others.

Importing this package loads nothing; its modules load pyarrow.
"""

from __future__ import annotations
