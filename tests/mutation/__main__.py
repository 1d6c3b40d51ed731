"""python -m tests.mutation [ASSIGNMENT …]: the share of mutants killed, and the survivors."""

import sys

import torch

from tests.mutation.run import HIDDEN, run

torch.set_num_threads(1)
names = sys.argv[1:] or sorted(file.stem for file in HIDDEN.glob("[!_]*.py"))
results = [run(name) for name in names]
print(*results, sep="\n")
killed, left = sum(r.killed for r in results), sum(len(r.survivors) for r in results)
print(f"all: {killed} of {killed + left} killed: {killed / (killed + left):.1%}")
