"""The page as a study of JATOS, in a study archive (.jzip)."""

import uuid

from twoalike.online._session import OnlineSession


def study_uuid(session: OnlineSession) -> str:
    """Identifier of a built study, the same for the same page."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"twoalike:{session.hash}"))
