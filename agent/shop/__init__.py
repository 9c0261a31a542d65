"""Sells the life's own inference over HTTP, paid by x402 version 2.

What is sold is one forward pass: a prompt and labels in, a logit for each label out. The price is
what the last decision that named one said. A stranger's payment is served once: verified, worked
for, settled, found on the chain by our own eyes, and only then answered; the answer is kept for as
long as the payment could be sent again.
"""
