"""The main job: data in, a model folder with its report out."""

from narrows._fit.job import Fitted as Fitted
from narrows._fit.job import fit as fit
from narrows._fit.settings import FitSettings as FitSettings
from narrows._fit.settings import parse_settings as parse_settings
