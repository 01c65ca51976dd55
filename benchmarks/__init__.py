"""Speed and memory against named peers: python -m benchmarks."""
