"""Collections of images at any scale, read by number: the inputs of networks.

:func:`open_collection` finds out what a path holds and lists it without reading an image.
"""

from twoalike.collections._collection import Collection, Store, located
from twoalike.collections._open import Images, as_collection, open_collection

__all__ = ["Collection", "Images", "Store", "as_collection", "located", "open_collection"]
