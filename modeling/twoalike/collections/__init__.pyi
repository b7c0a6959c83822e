from ._collection import Collection as Collection
from ._collection import Store as Store
from ._names import Names as Names
from ._names import located as located
from ._objects import Images as Images
from ._objects import as_collection as as_collection
from ._open import of_files as of_files
from ._open import open_collection as open_collection
