"""The Bayesian embedding: PyMC model, engines, and the posterior that they leave in a file.

Reading a posterior needs neither PyMC nor JAX: they are imported by the functions that fit. Names
are imported on first use (``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
