"""Measurements behind the README's figures. What is installed has them for `python -m betapool evaluate` alone.

python -m evaluation.beta           what the paper's beta says of work that never blocks
python -m evaluation.efficiency     how close each way to choose a thread count comes to the best static one
python -m betapool evaluate         the paper's tables and figures, measured here (evaluation.paper_tables)
python -m evaluation.paper_digest   the paper's claims beside a run of that, for the README
python -m evaluation.executor       what the executor costs, beside other thread pools
python -m evaluation.native         what the native pool costs, beside those of other libraries
python -m evaluation.report         the tables of an earlier run of evaluation.efficiency
"""
