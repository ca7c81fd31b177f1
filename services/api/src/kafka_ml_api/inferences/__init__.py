"""The resource inferences: trained models between two topics."""
