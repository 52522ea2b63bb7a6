"""One class a capability: the only code in which gateways and stores meet. A step is one transaction, or one call outside between two."""
