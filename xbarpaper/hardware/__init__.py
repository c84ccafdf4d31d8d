"""From weights to non-ideal crossbars and back."""
