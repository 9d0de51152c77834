"""Attacks on a model's privacy: who was in its training data, and what its answers betray of patients."""

from bedrail.privacy.attacks.attributes import AttributeGuess, guess_attribute
from bedrail.privacy.attacks.lira import Shadows, likelihood_ratios, loss_scores, strongest_clip, true_class_logit
from bedrail.privacy.attacks.shadows import draw_memberships, train_shadows

__all__ = [
    "AttributeGuess",
    "Shadows",
    "draw_memberships",
    "guess_attribute",
    "likelihood_ratios",
    "loss_scores",
    "strongest_clip",
    "train_shadows",
    "true_class_logit",
]
