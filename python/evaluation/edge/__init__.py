"""The paper's seven edge workloads (its Table XIII), computed by the libraries that do such work in production.

A module for each, with a function `build` that makes, once in a process, what its tasks need, and gives the function that all threads
call. It returns what it has computed, so that the tests can judge it. Only the processes that are measured import these modules: the
harness itself has none of the libraries. What goes beside the computation, a request that takes as long as the workload's beta asks
for, is the same for all (workloads.py).
"""
