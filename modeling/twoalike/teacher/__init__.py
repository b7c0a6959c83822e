"""Teachers: where the choice probabilities come from that a network learns.

:func:`teach` makes one from a posterior. For objects that people judged, the posterior itself is
the teacher (:func:`make_posterior_teacher`). For images that nobody judged, an affine map takes a
network's features into the human space: fitted to the posterior (:func:`fit_teacher`) or read from
a transform that gLocal fitted (:func:`import_transform`). Either is kept in a folder
(:func:`save_teacher`, :func:`load_teacher`), and gives what :class:`Teacher` describes. Names are
imported on first use (``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
