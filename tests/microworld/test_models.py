import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from constitutions.load import find_constitution, load_constitution
from microworld.annotator import draw_pair
from microworld.demonstrations import ANSWERS_AND_VERDICTS, draw_demonstration
from microworld.evaluate import MODELS
from microworld.packing import IGNORED, attention_mask, batches, encode
from microworld.phrasings import RED_TEAM
from microworld.pretrain import RECIPES, Recipe, Shape, new_model, train
from microworld.reader import Reader
from microworld.splits import prompts, split_of
from microworld.tokenizer import LONGEST, ROLES, load_tokenizer
from microworld.verdicts import Pair, expected_scores, rubric_scores
from microworld.vocabulary import microworld_tokenizer
from runs.canonical import digest_folder
from runs.records import Message, Prompt
from trainers.chat import render

PINS = {}
TOKENIZER = load_tokenizer(MODELS / "m1")
