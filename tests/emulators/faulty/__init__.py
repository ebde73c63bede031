"""What may go wrong between a client and AWS: errors, lost answers, things not visible yet, databases that take their time."""
