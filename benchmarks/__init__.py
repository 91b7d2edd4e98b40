"""Benchmarks: what users do, beside the bare driver, interleaved in one run. Clocks are noisy: trust the ratios."""
