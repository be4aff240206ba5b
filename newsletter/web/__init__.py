"""The pages visitors and subscribers meet, and the doors for providers' reports and monitors."""
