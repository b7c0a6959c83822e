from ._records import Item as Item
from ._records import Record as Record
from ._session import OnlineSession as OnlineSession
from ._session import Person as Person
