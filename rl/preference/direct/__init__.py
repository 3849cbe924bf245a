"""Methods that fit a policy to preferences without a loop: DPO, IPO, KTO, online DPO."""
