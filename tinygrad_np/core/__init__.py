"""The tape and its transforms. Read in this order: tensor, tape, primitive, transforms."""
