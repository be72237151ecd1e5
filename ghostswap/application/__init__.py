"""From what somebody asks to the answer: open sources, estimate, plan, save. It prints nothing."""
