"""Stimulus sets: images, the manifest that names and checks them, and the sets that we draw."""

from twoalike.stimuli._copy import Converted as Converted
from twoalike.stimuli._copy import CopiedFiles as CopiedFiles
from twoalike.stimuli._copy import copy_files as copy_files
from twoalike.stimuli._copy import write_words as write_words
from twoalike.stimuli._creatures import draw_creatures as draw_creatures
from twoalike.stimuli._familiar import ATTRIBUTION as ATTRIBUTION
from twoalike.stimuli._familiar import draw_familiar as draw_familiar
from twoalike.stimuli._familiar import familiar_source as familiar_source
from twoalike.stimuli._manifest import MANIFEST as MANIFEST
from twoalike.stimuli._manifest import STIMULUS_LIST as STIMULUS_LIST
from twoalike.stimuli._manifest import SUFFIXES as SUFFIXES
from twoalike.stimuli._manifest import escaped as escaped
from twoalike.stimuli._manifest import fault_of_name as fault_of_name
from twoalike.stimuli._manifest import fault_of_portable_name as fault_of_portable_name
from twoalike.stimuli._manifest import portability_faults as portability_faults
from twoalike.stimuli._picture import BACKGROUND as BACKGROUND
from twoalike.stimuli._picture import phase_scrambled as phase_scrambled
from twoalike.stimuli._picture import read_picture as read_picture
from twoalike.stimuli._picture import scaled as scaled
from twoalike.stimuli._picture import scrambled_mask as scrambled_mask
from twoalike.stimuli._picture import shown_as_it_is as shown_as_it_is
from twoalike.stimuli._set import StimulusSet as StimulusSet
from twoalike.stimuli._set import find_images as find_images
from twoalike.stimuli._set import image_table as image_table
from twoalike.stimuli._set import stimuli_held as stimuli_held
