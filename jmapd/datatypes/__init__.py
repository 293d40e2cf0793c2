"""The data types: one module, or package, each."""
