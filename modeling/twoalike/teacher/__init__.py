"""Teachers: the sources of the choice probabilities that a network learns.

:func:`teach` makes one from a posterior. For judged objects, the posterior itself is the teacher
(:func:`make_posterior_teacher`). All other images are placed in the human space by an affine map of
a network's features, which is fitted to the posterior (:func:`fit_teacher`) or read from a
transform fitted by gLocal (:func:`import_transform`). Both kinds implement :class:`Teacher` and are
saved as a folder (:func:`save_teacher`, :func:`load_teacher`). Names are imported on first use
(``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
