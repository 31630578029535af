"""Benchmarks: figures and ratios taken in one run, printed as a Markdown table (see bench/README.md)."""
