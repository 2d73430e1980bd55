"""Benchmarks: each figure beside a yardstick in the same run, medians of interleaved rounds."""
