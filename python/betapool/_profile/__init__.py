"""The commands of `python -m betapool`: info, profile and top. `import betapool` imports none of them."""
