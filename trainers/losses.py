"""What a preference pair costs: pure functions of log-probabilities, in nats.

Notation: B pairs, T tokens; an answer's log-ratio is log pi(y|x) - log pi_ref(y|x), the gap d is the chosen answer's
log-ratio less the rejected one's, and the margin is m = beta d. Each loss is in expectation over a label that says
with probability p that `chosen` is the better answer: p loss(chosen, rejected) + (1 - p) loss(rejected, chosen). So
p = 1 is the loss of the paper, p = 1/2 is the same whichever answer stands first, and weight 0 gives no gradient.
"""

import torch
import torch.nn.functional as F

from trainers.spec import PairLoss


def preference_losses(
    gaps_B: torch.Tensor, label_probability_B: torch.Tensor, weight_B: torch.Tensor, loss: PairLoss
) -> torch.Tensor:
    """What the gaps cost, (B,): w (p l(d) + (1 - p) l(-d)) with the l of `loss.kind`.

    `sigmoid`  -log sigma(m)                                                 DPO, Rafailov 2305.18290, equation 7
    `hinge`    max(0, 1 - m)                                                 SLiC's on log-ratios, Liu 2309.06657
    `ipo`      (d - 1 / (2 beta))^2                                          IPO, Azar 2310.12036, equation 17
    `robust`   ((1 - e) (-log sigma(m)) - e (-log sigma(-m))) / (1 - 2 e)    Chowdhury 2403.00409, e = `flip_rate`
    """
    as_labelled_B, swapped_B = _cost(gaps_B, loss), _cost(-gaps_B, loss)
    return weight_B * (label_probability_B * as_labelled_B + (1 - label_probability_B) * swapped_B)


def reward_losses(
    gaps_B: torch.Tensor, label_probability_B: torch.Tensor, weight_B: torch.Tensor, margin_B: torch.Tensor
) -> torch.Tensor:
    """What the gaps r_chosen - r_rejected of a preference model's rewards cost, (B,).

    w (p L(r_c - r_r - m) + (1 - p) L(r_r - r_c - m)) with L(x) = -log sigma(x): Bradley and Terry's likelihood of a
    label that is right with probability p, with the margin m by which the better answer should win (Llama 2,
    2307.09288, equation 2).
    """
    as_labelled_B, swapped_B = F.logsigmoid(gaps_B - margin_B), F.logsigmoid(-gaps_B - margin_B)
    return -weight_B * (label_probability_B * as_labelled_B + (1 - label_probability_B) * swapped_B)


def likelihood_losses(
    chosen_B: torch.Tensor, rejected_B: torch.Tensor, label_probability_B: torch.Tensor, weight_B: torch.Tensor
) -> torch.Tensor:
    """The better answer's negative log-likelihood, (B,), from the mean log-probabilities of the answers' tokens.

    It keeps the chosen answer's likelihood from falling with the rejected one's (Pang, 2404.19733, equation 1).
    """
    return -weight_B * (label_probability_B * chosen_B + (1 - label_probability_B) * rejected_B)


def desensitised(logps_2BT: torch.Tensor, answers_2BT: torch.Tensor, alpha: float) -> torch.Tensor:
    """The log-probabilities of 2B answers, chosen ones first, with what is beyond the shorter one's end times `alpha`.

    The sum over T is then LD-DPO's log-probability (Liu, 2409.06411). `answers` is 1 at an answer's tokens.
    """
    place_2BT = answers_2BT.cumsum(dim=1)
    chosen_B, rejected_B = answers_2BT.sum(dim=1).chunk(2)
    shared_2B = torch.minimum(chosen_B, rejected_B).repeat(2)
    return torch.where(place_2BT <= shared_2B[:, None], logps_2BT, alpha * logps_2BT)


def policy_weights(logps_2BT: torch.Tensor, log_sum_sq_2BT: torch.Tensor, answers_2BT: torch.Tensor) -> torch.Tensor:
    """How probably, a token, the policy itself says the two answers of each pair, (B,). No gradient goes through it.

    WPO (Zhou, 2406.11827, equation 2): exp of the mean over an answer's tokens of log p(token) - log sum_v p(v)^2, in
    which a token that was sampled from the policy counts 1 on average; chosen times rejected.
    """
    with torch.no_grad():
        aligned_2BT = (logps_2BT - log_sum_sq_2BT) * answers_2BT
        chosen_B, rejected_B = (aligned_2BT.sum(dim=1) / answers_2BT.sum(dim=1)).exp().chunk(2)
        return chosen_B * rejected_B


def _cost(gaps_B: torch.Tensor, loss: PairLoss) -> torch.Tensor:
    margins_B = loss.beta * gaps_B
    match loss.kind:
        case "sigmoid":
            return -F.logsigmoid(margins_B)
        case "hinge":
            return torch.relu(1 - margins_B)
        case "ipo":
            return (gaps_B - 1 / (2 * loss.beta)) ** 2
        case "robust":
            clean_B, flipped_B = -F.logsigmoid(margins_B), -F.logsigmoid(-margins_B)
            return ((1 - loss.flip_rate) * clean_B - loss.flip_rate * flipped_B) / (1 - 2 * loss.flip_rate)
