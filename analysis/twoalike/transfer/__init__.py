"""How features serve other tasks than similarity, and whether they shift better.

:func:`compare_transfer` asks classifiers on the features of several networks: few-shot
classification, linear probe, new subclasses of known superclasses, other sets of images.
"""

from twoalike.transfer._tasks import TransferSettings as TransferSettings
from twoalike.transfer._transfer import Transfer as Transfer
from twoalike.transfer._transfer import TransferMeasure as TransferMeasure
from twoalike.transfer._transfer import compare_transfer as compare_transfer
from twoalike.transfer._transfer import few_shot_ability as few_shot_ability
from twoalike.transfer._transfer import folder_levels as folder_levels
