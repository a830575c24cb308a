"""The parts of the benchmark runner; the program is ../run."""
