"""An embedded household simulator that speaks AI2-THOR's actions and metadata."""
