"""Advantages: how much better a completion, or a token, was than expected.

Group functions take a flat [B] vector of rewards and the group index of every row, so that groups may differ in size
and rows may stand in any order. A reward of NaN marks a completion that nothing could score: it takes no part in any
mean or deviation and its advantage is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rl.functional.masked import clean

SCALE_EPSILON = 1e-4  # added to a standard deviation before dividing by it; the value of TRL
SCALE_DDOF = 1  # divisor n - 1 in group and batch deviations, as in the common implementations of GRPO


def group_mean(rewards: Tensor, groups: Tensor) -> Tensor:
    """Advantage of each completion over the mean of its group, itself included.

    A_i = r_i - mean_j r_j                                  (GRPO without scaling; Dr. GRPO, arXiv:2503.20783)

    Its expected policy gradient is (G-1)/G of the true one: same direction, smaller step.

    Args:
        rewards: [B] float; NaN where nothing could score the completion.
        groups: [B] int64, equal for rows of one problem.
    Returns:
        [B] float; each group sums to 0; exactly 0 in a group of equal rewards.
    """
    scored, sums, counts, _ = _group_sums(rewards, groups)
    centred = rewards - sums / counts.clamp(min=1)
    return clean(centred, scored & ~_all_equal(rewards, groups))


def leave_one_out(rewards: Tensor, groups: Tensor) -> Tensor:
    """Advantage of each completion over the mean of its siblings.

    A_i = r_i - mean_{j != i} r_j = G/(G-1) (r_i - mean_j r_j)            (RLOO, arXiv:2402.14740)

    Unbiased: the siblings are independent of completion i.

    Args:
        rewards: [B] float; NaN where nothing could score the completion.
        groups: [B] int64.
    Returns:
        [B] float; each group sums to 0; 0 for a completion whose siblings are all unscorable.
    Raises:
        ValueError: a group of one, where no sibling exists.
    """
    scored, sums, counts, sizes = _group_sums(rewards, groups)
    if rewards.numel() and int(sizes.min()) < 2:
        raise ValueError("leave-one-out needs groups of at least 2 completions, and one group has 1: raise group_size")
    baseline = (sums - rewards) / (counts - 1).clamp(min=1)
    return clean(rewards - baseline, scored & (counts > 1) & ~_all_equal(rewards, groups))


def mean_normalised(rewards: Tensor, groups: Tensor) -> Tensor:
    """Advantage over the group's mean, in units of that mean; 0 where the mean is 0.

    A_i = (r_i - mean_g) / mean_g                                          (MaxRL, arXiv:2602.02710)

    Args:
        rewards: [B] float, >= 0; NaN where nothing could score the completion.
    Raises:
        ValueError: a negative reward, for which the ratio means nothing.
    """
    if bool((rewards < 0).any()):
        raise ValueError(f"mean-normalised advantages need rewards >= 0, and the smallest is {float(rewards.min())}")
    _, sums, counts, _ = _group_sums(rewards, groups)
    mean = sums / counts.clamp(min=1)
    return torch.where(mean > 0, group_mean(rewards, groups) / mean.clamp(min=1e-30), torch.zeros_like(mean))


def signal_scale(rewards: Tensor, groups: Tensor) -> Tensor:
    """B / (B - M), M the completions in groups of equal rewards; scalar, 1 when all groups are such.

    Makes up for the groups that carry no gradient but are counted in the loss's divisor (GPG, arXiv:2504.02546).
    Groups that are all right count as without signal just as those that are all wrong.
    """
    silent = (_all_equal(rewards, groups)).sum()
    total = rewards.numel()
    kept = total - silent
    return torch.where(kept > 0, total / kept.clamp(min=1), torch.ones_like(kept)).to(rewards.dtype)


def has_signal(rewards: Tensor, groups: Tensor) -> bool:
    """True when two scored completions of one group differ in reward; [B] rewards and group indices."""
    return not bool(_all_equal(rewards, groups).all())


def group_std(rewards: Tensor, groups: Tensor, *, ddof: int = SCALE_DDOF) -> Tensor:
    """Standard deviation of each row's group, [B]; 0 in groups with fewer than ddof + 1 scored rows."""
    scored, sums, counts, _ = _group_sums(rewards, groups)
    deviation = clean(rewards - sums / counts.clamp(min=1), scored & ~_all_equal(rewards, groups))
    squares, index = _scatter(deviation.square(), groups)
    return (squares[index] / (counts - ddof).clamp(min=1)).sqrt()


def batch_std(rewards: Tensor, *, ddof: int = SCALE_DDOF) -> Tensor:
    """Standard deviation of the scored rewards of the whole batch, scalar; 0 with fewer than ddof + 1 of them."""
    scored = rewards[~rewards.isnan()]
    if scored.numel() <= ddof or bool((scored == scored[0]).all()):
        return rewards.new_zeros(())
    return scored.std(correction=ddof)


def returns_to_go(token_rewards: Tensor, mask: Tensor, *, gamma: float = 1.0) -> Tensor:
    """Sum of the rewards from each sampled token on, discounted per sampled token.

    R_t = r_t + gamma R_{t'},  t' the next sampled token. Positions with mask 0 inside a trajectory (tool output) are
    passed over: they neither end the sum nor discount it.

    Args:
        token_rewards, mask: [B, T].
    Returns:
        [B, T], 0 where mask is 0.
    """
    rewards = clean(token_rewards, mask)
    if gamma == 1.0:
        return clean(rewards.flip(1).cumsum(1).flip(1), mask)
    running = rewards.new_zeros(rewards.shape[0])
    out = torch.zeros_like(rewards)
    for t in range(rewards.shape[1] - 1, -1, -1):
        sampled = mask[:, t].bool()
        running = torch.where(sampled, rewards[:, t] + gamma * running, running)
        out[:, t] = running
    return clean(out, mask)


def gae(
    token_rewards: Tensor,
    values: Tensor,
    mask: Tensor,
    *,
    gamma: float = 1.0,
    lam: float | Tensor = 0.95,
    bootstrap: Tensor | None = None,
) -> Tensor:
    """Generalised advantage estimation along the sampled tokens.

    delta_t = r_t + gamma V_{t'} - V_t;   A_t = delta_t + gamma lam A_{t'}      (arXiv:1506.02438)

    t' is the next *sampled* token: across tool output (mask 0 inside a trajectory) value and advantage are carried
    over unchanged, and padding is never read. After the last sampled token the value is `bootstrap`: 0 when the
    trajectory terminated there.

    Args:
        token_rewards, values, mask: [B, T]; values[:, t] is of the state before tokens[:, t].
        lam: scalar, or [B] for a lambda per row (VAPO's length-adaptive lambda).
        bootstrap: [B] value of the state after the last token, for rows cut by a limit that is no part of the task;
            None means 0 everywhere: a truncated completion has failed.
    Returns:
        [B, T] advantages, 0 where mask is 0; the returns are `advantages + values`.
    """
    rewards, kept = clean(token_rewards, mask), clean(values, mask)
    next_value = kept.new_zeros(kept.shape[0]) if bootstrap is None else bootstrap.to(kept.dtype)
    running = torch.zeros_like(next_value)
    out = torch.zeros_like(rewards)
    for t in range(rewards.shape[1] - 1, -1, -1):
        sampled = mask[:, t].bool()
        delta = rewards[:, t] + gamma * next_value - kept[:, t]
        running = torch.where(sampled, delta + gamma * lam * running, running)
        next_value = torch.where(sampled, kept[:, t], next_value)
        out[:, t] = running
    return clean(out, mask)


def position_baseline(returns: Tensor, mask: Tensor) -> Tensor:
    """For each sampled token, the mean return of the *other* rows at the same position of their completions.

    Position counts sampled tokens of the row, whatever column they stand in. A row is independent of the others, so
    subtracting this leaves the expected policy gradient unchanged. Where no other row is that long, the baseline is 0.

    Args:
        returns, mask: [B, T].
    Returns:
        [B, T], 0 where mask is 0.
    """
    sampled = mask.bool()
    position = (sampled.cumsum(1) - 1).clamp(min=0)
    size = max(mask.shape[1], 1)
    kept = clean(returns, mask)
    sums = kept.new_zeros(size).index_add(0, position.flatten(), kept.flatten())
    counts = kept.new_zeros(size).index_add(0, position.flatten(), sampled.to(kept.dtype).flatten())
    others = counts[position] - 1
    return clean((sums[position] - kept) / others.clamp(min=1), sampled & (others > 0))


def length_adaptive_lambda(lengths: Tensor, alpha: float) -> Tensor:
    """GAE's lambda per row, 1 - 1 / (alpha n), kept within [0, 1].              (VAPO, arXiv:2504.05118)

    Long completions need a lambda near 1, or the final reward never reaches their first tokens.

    Args:
        lengths: [B] sampled tokens.
    """
    return (1.0 - 1.0 / (alpha * lengths.clamp(min=1))).clamp(0.0, 1.0)


def at_last_token(rewards: Tensor, mask: Tensor) -> Tensor:
    """[B, T] token rewards that pay `rewards` [B] at each row's last sampled token, and 0 elsewhere.

    A row without a sampled token gets nothing; a NaN reward (unscorable) pays 0.
    """
    sampled = mask.bool()
    after = sampled.flip(1).cumsum(1).flip(1)  # sampled tokens from t on
    last = sampled & (after == 1)
    return clean(rewards.nan_to_num(0.0).unsqueeze(1).expand(mask.shape), last)


def _group_sums(rewards: Tensor, groups: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Per row: is it scored; its group's sum and number of scored rows; its group's size."""
    if rewards.shape != groups.shape or rewards.dim() != 1:
        raise ValueError(f"rewards {tuple(rewards.shape)} and groups {tuple(groups.shape)} must both be [B]")
    scored = ~rewards.isnan()
    sums, index = _scatter(clean(rewards, scored), groups)
    counts, _ = _scatter(scored.to(rewards.dtype), groups)
    sizes, _ = _scatter(torch.ones_like(rewards), groups)
    return scored, sums[index], counts[index], sizes[index]


def _all_equal(rewards: Tensor, groups: Tensor) -> Tensor:
    """[B] bool, True where all scored rewards of the row's group are equal (exactly: a mean of equals can round)."""
    _, index = torch.unique(groups, return_inverse=True)
    size = int(index.max()) + 1 if index.numel() else 0
    low = rewards.new_full((size,), torch.inf).scatter_reduce(0, index, rewards.nan_to_num(torch.inf), "amin")
    high = rewards.new_full((size,), -torch.inf).scatter_reduce(0, index, rewards.nan_to_num(-torch.inf), "amax")
    return (low >= high)[index]


def _scatter(values: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Sums per distinct group, and each row's index into them."""
    _, index = torch.unique(groups, return_inverse=True)
    size = int(index.max()) + 1 if index.numel() else 0
    return values.new_zeros(size).index_add(0, index, values), index
