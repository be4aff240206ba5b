"""The page that staff look at a campaign's mail with while they write it; it is served on their own machine only."""
