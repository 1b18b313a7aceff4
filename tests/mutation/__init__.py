"""Mutation testing of the modules that decide: which changes of theirs does no test notice?

``python -m tests.mutation --sample 500 --seed 1`` changes copies of the tree, never the tree. A
mutant that survives must stand in ``survivors.toml``, with the reason why it changes nothing.
"""
