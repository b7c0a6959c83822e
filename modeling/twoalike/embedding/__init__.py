"""The Bayesian embedding: PyMC model, engines, and the posterior that they leave in a file.

Reading a posterior needs neither PyMC nor JAX: they are imported by the functions that fit.
"""

from twoalike.embedding._config import FitConfig
from twoalike.embedding._fit import fit_embedding
from twoalike.embedding._posterior import Posterior

__all__ = ["FitConfig", "Posterior", "fit_embedding"]
