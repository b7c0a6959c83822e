"""The design of the Levels study, for any labelled set of images.

450 people each judged 330 triplets, 40 % within a class, 40 % between classes and 20 % at a
class boundary; each triplet went to five people (doi:10.1038/s41586-025-09631-6).
"""

from twoalike.study import DesignConfig

PLAN = (
    ("main 50", "catch 2", "break")
    + ("main 50", "catch 2", "main 50", "break")
    + ("catch 2", "main 50", "catch 2", "break")
    + ("catch 2", "main 50", "catch 2", "main 51", "catch 4", "main 29")
)
"""Seven blocks of trials, 16 attention checks in packs of two and four, three breaks."""


def levels_study_design(*, lists_per_triplet: int = 5, level: str = "") -> DesignConfig:
    """Give the settings that make the lists of the Levels study from the labels of images.

    Parameters
    ----------
    lists_per_triplet
        People who judge each triplet; 0 where sessions are designed one by one.
    level
        Category column with the classes (the study: WordNet ids); empty: the finest in which
        a class has three images.

    Examples
    --------
    >>> config = levels_study_design()
    >>> config.trials, config.catch, config.catch_sides
    (330, 16, [7, 5, 4])
    """
    return DesignConfig(
        sampler="levels",
        trials=330,
        practice=6,
        catch=16,
        catch_sides=[7, 5, 4],
        plan=list(PLAN),
        lists_per_triplet=lists_per_triplet,
        level=level,
    )
