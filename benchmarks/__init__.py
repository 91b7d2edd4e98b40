"""Benchmarks: what users do, beside what they would pick instead, interleaved in one run.

Clocks are noisy and machines differ: only ratios between variants of one run mean anything.
"""
